"""The soak between waves, over runs: how much of it is left when a run was cut off in it.

Pure; time is an argument.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta


def seconds_left(marked: Iterable[str], soak_seconds: float, now: datetime) -> float:
    """Return how many seconds of the soak are left behind the newest of the times in marks (RFC 3339, UTC).

    Never more than the whole soak, whatever the clocks say that wrote them. Times that cannot be
    read do not count.
    """
    times = [time for text in marked if (time := _parsed(text))]
    if not times or not soak_seconds:
        return 0.0
    left = (max(times) + timedelta(seconds=soak_seconds) - now).total_seconds()
    return min(max(left, 0.0), soak_seconds)


def _parsed(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
