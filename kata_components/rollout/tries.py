"""How often a command about a node is tried again while nothing settles it, and how long apart."""

from dataclasses import dataclass
from typing import Final

from kata_components.kubernetes.backoff import backoff

_MAX_ERRORS: Final = 10


@dataclass
class Tries:
    """The tries in a row that settled nothing; `errors` are those that the server answered, with an error of its own.

    No answer may be waited for as long as it takes; an error that comes again and again is there to
    stay.
    """

    count: int = 0
    errors: int = 0

    def another(self, *, answered: bool) -> float | None:
        """Count one more.

        Return the seconds to wait before the next, None when there should be none.
        """
        self.count += 1
        self.errors += answered
        return None if answered and self.errors > _MAX_ERRORS else backoff(self.count)
