"""What the tools tell a person who waits for them."""

import sys


def say(text: str) -> None:
    """Print a message to stderr: stdout of `make env` is for the shell."""
    print(text, file=sys.stderr, flush=True)
