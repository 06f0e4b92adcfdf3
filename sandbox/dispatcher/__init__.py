"""A double of upstream's dispatcher 4.0.0: its command line, its calls on the API server, how it ends.

What it is held to is the contract of the program (sections 1.4 and 5), defects included: it takes a
finished Job of the same name for its own, and waits for ever for a Job that was deleted. It polls
every second instead of every five unless told otherwise, and marks long names with another hash.
"""
