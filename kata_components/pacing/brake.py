"""Holds starts back while the API server refuses Jobs for a reason that passes: a quota that is used up."""

from math import inf
from typing import Final

_PAUSE_SECONDS: Final = 5.0


class Brake:
    """After a refusal one node tries again and again; once its Job is taken, all go on."""

    def __init__(self) -> None:
        self._next = -inf

    @property
    def is_on(self) -> bool:
        """Whether the last Job was refused."""
        return self._next > -inf

    def refused(self, now: float) -> None:
        """Take note of a refusal."""
        self._next = now + _PAUSE_SECONDS

    def taken(self) -> None:
        """Take note of a Job that was taken."""
        self._next = -inf

    def holds(self, now: float, starting: int) -> bool:
        """Whether no further node may start, of which `starting` are about to."""
        return self.is_on and (now < self._next or starting > 0)

    def next(self, now: float) -> float:
        """Return when it may let one try, infinity when that waits for an answer or is the case now."""
        return self._next if self._next > now else inf
