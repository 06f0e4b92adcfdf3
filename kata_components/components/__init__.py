"""The component resources of the program, one per file."""
