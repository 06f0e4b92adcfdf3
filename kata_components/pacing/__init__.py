"""When each planned node starts, and what its Jobs mean for the next ones: a state machine. Pure."""
