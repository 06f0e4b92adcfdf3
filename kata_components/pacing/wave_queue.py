"""The nodes that have not started yet, wave by wave."""

from collections import deque
from collections.abc import Callable, Iterator, Sequence

from kata_components.planning.step import Step


class WaveQueue:
    """Hands out nodes in order; a wave opens when all nodes of the earlier ones are settled and the soak is over.

    `soak_seconds` pass between the end of a wave in which Jobs have run and the opening of the
    next. `opens_in` is what is left of the soak behind waves that an earlier run has worked off.
    """

    def __init__(
        self, steps: Sequence[Step], *, soak_seconds: float = 0.0, opens_in: float = 0.0
    ) -> None:
        count = 1 + max((step.wave for step in steps), default=0)
        self._waiting: list[deque[str]] = [deque() for _ in range(count)]
        for step in steps:
            self._waiting[step.wave].append(step.node)
        self._unsettled = [len(wave) for wave in self._waiting]
        worked = {step.wave for step in steps if not step.action.writes_only}
        self._soaks = [soak_seconds if number in worked else 0.0 for number in range(count)]
        if 0 not in worked:
            self._soaks[0] = opens_in
        self._current = 0
        self.opens_at: float | None = None
        """When the next wave opens, None while nodes of the current one are unsettled."""

    def settled(self, step: Step) -> None:
        """Count a node as settled: done, failed, departed or skipped."""
        self._unsettled[step.wave] -= 1

    def open_waves(self, now: float) -> None:
        """Open the waves whose time has come."""
        while self._current + 1 < len(self._waiting) and self._unsettled[self._current] == 0:
            if self.opens_at is None:
                self.opens_at = now + self._soaks[self._current]
            if now < self.opens_at:
                return
            self._current += 1
            self.opens_at = None

    def take(self, allowed: Callable[[str], bool]) -> str | None:
        """Take the first node of the open waves that may start, None when there is none."""
        for wave in self._waiting[: self._current + 1]:
            for position, node in enumerate(wave):
                if allowed(node):
                    del wave[position]
                    return node
        return None

    def remove(self, step: Step) -> None:
        """Take out a node that goes on by itself."""
        self._waiting[step.wave].remove(step.node)

    def put_back(self, step: Step) -> None:
        """Put a node back to the front of its wave."""
        self._waiting[step.wave].appendleft(step.node)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the waiting nodes whose turn may still come: those up to the first wave that is unsettled."""
        unsettled = (
            number
            for number, count in enumerate(self._unsettled)
            if count and number >= self._current
        )
        last = next(unsettled, self._current)
        return (node for wave in self._waiting[: last + 1] for node in wave)
