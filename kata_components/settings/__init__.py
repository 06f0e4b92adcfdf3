"""What the user asked for: the stack's configuration, validated, with the chart's defaults."""
