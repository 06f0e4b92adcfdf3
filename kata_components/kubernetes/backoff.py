"""How long to wait before a request is repeated. Pure: client and pacer keep to the same times."""

from dataclasses import dataclass
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


MOST_ERRORS: Final = 10


@dataclass
class Attempts:
    """The tries in a row that settled nothing; `errors` are those that the server answered, with an error of its own.

    No answer may be waited for as long as it takes; an error that comes again and again is there to
    stay.
    """

    count: int = 0
    errors: int = 0

    def next_delay(self, *, answered: bool) -> float | None:
        """Count one more.

        Return the seconds to wait before the next, None when there should be none.
        """
        self.count += 1
        self.errors += answered
        return None if answered and self.errors > MOST_ERRORS else backoff(self.count)
