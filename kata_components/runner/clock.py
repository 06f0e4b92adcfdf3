"""The time: a clock that goes on while the machine sleeps, and the hour as Kubernetes writes it."""

import time
from datetime import UTC, datetime, timedelta

_SUSPEND_AWARE = getattr(time, "CLOCK_BOOTTIME", None)


def elapsed() -> float:
    """Return seconds since some fixed moment, time asleep included.

    Where the system has no such clock, wall time stands in: a Lease is then judged stale after a clock jump forward,
    which stops a run that can simply be started again.
    """
    return time.time() if _SUSPEND_AWARE is None else time.clock_gettime(_SUSPEND_AWARE)


def time_of_day() -> datetime:
    """Return now, by the wall clock, UTC."""
    return datetime.now(UTC)


def hour_before(seconds: float) -> str:
    """Return which time of day it was so many seconds ago."""
    return f"{time_of_day() - timedelta(seconds=seconds):%H:%M:%S} UTC"


def timestamp() -> str:
    """Return now as Kubernetes writes a MicroTime."""
    return time_of_day().strftime("%Y-%m-%dT%H:%M:%S.%fZ")
