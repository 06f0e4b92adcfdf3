"""The time: a clock that goes on while the machine sleeps, and the hour as Kubernetes writes it."""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

_SUSPEND_AWARE: Final[int] = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Linux has a clock of its own for it; elsewhere, as on macOS, the monotonic clock of the system
counts sleep."""


def elapsed() -> float:
    """Return seconds since some fixed moment, time asleep included."""
    return time.clock_gettime(_SUSPEND_AWARE)


def time_of_day() -> datetime:
    """Return now, by the wall clock, UTC."""
    return datetime.now(UTC)


def hour_before(seconds: float) -> str:
    """Return which time of day it was so many seconds ago."""
    return f"{time_of_day() - timedelta(seconds=seconds):%H:%M:%S} UTC"


def timestamp() -> str:
    """Return now as Kubernetes writes a MicroTime."""
    return time_of_day().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
