"""When each planned node starts, and what its Job means for the others: a state machine. Pure."""
