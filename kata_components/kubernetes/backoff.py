"""How long to wait before a request is repeated. Pure: client and pacer keep to the same times."""

from typing import Final

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 30.0
_LONGEST_RETRY_AFTER: Final = 60.0
"""A server that asks for more is waited for this long: minutes of silence look like a hang."""


def backoff(failures: int) -> float:
    """Return the seconds to wait after so many failures in a row: min(30, 0.2 · 2^failures)."""
    # The exponent is bounded because a watch may fail for days.
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures, 10))


def retry_after_seconds(retry_after: float | None) -> float:
    """Return the seconds to wait because a server asks for them (`Retry-After`, None: it does not), at most 60."""
    return min(retry_after or 0.0, _LONGEST_RETRY_AFTER)
