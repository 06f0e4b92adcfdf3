"""How long to wait before a request is repeated: the same for client and pacer. Pure."""

from dataclasses import dataclass
from typing import Final

_FIRST_DELAY: Final = 0.2
_LONGEST_DELAY: Final = 30.0
MOST_ERRORS: Final = 10
"""How many error answers in a row are retried."""
_LONGEST_RETRY_AFTER: Final = 60.0
"""The longest wait, even if a server asks for more: minutes of silence look like a hang."""


def backoff(failures: int) -> float:
    """Return the seconds to wait after this many failures in a row: min(30, 0.2 · 2^failures)."""
    # The exponent is bounded because a watch may fail for days.
    return min(_LONGEST_DELAY, _FIRST_DELAY * 2.0 ** min(failures, 10))


def retry_after_seconds(retry_after: float | None) -> float:
    """Return the seconds to wait for a server's `Retry-After` (None: it has none), at most 60."""
    return min(retry_after or 0.0, _LONGEST_RETRY_AFTER)


@dataclass
class Attempts:
    """Counts failed attempts in a row.

    An outage is waited out however long it lasts; an error that the server keeps answering with is
    permanent.
    """

    count: int = 0
    errors: int = 0
    """The attempts that the server answered with an error."""

    def next_delay(self, *, answered: bool) -> float | None:
        """Count an attempt; return the seconds to wait before the next, None to give up."""
        self.count += 1
        self.errors += answered
        return None if answered and self.errors > MOST_ERRORS else backoff(self.count)
