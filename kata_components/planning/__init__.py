"""What is to be done with which nodes, in which order, and what is refused. Pure."""
