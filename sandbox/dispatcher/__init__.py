"""A double of upstream's dispatcher: its command line, its API calls, and how it ends.

It follows the program's contract (sections 1.4 and 5), including the defects: without an owner it
takes a finished Job of the same name for its own, and 4.0.0 waits forever for a Job that was
deleted. By default it polls every second instead of every five, and it gives long names a different
hash.
"""
