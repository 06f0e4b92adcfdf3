"""Waits for what another process does."""

import time
from collections.abc import Callable


def until(holds: Callable[[], bool], seconds: float = 30) -> None:
    """Return as soon as the condition holds, which is asked ten times a second.

    Fail after `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s"
        time.sleep(0.1)
