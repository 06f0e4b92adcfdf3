"""Which nodes, in which order, at what pace: pure code, in which time is an argument."""
