"""The queues of a rollout: nodes to start, nodes to revisit, finished Jobs to remove. Pure."""

import heapq
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import count
from math import inf
from typing import Final

from kata_components import names
from kata_components.planning.step import Step

REMOVAL_BATCH: Final = 50
"""How many Jobs one request removes: it names their nodes, and has to fit into a URL."""


class WaveQueue:
    """The nodes that have not started yet, wave by wave.

    A wave opens when all nodes of the earlier ones are settled and the soak is over. `soak_seconds`
    pass between the end of a wave in which Jobs ran and the opening of the next. `opens_in` is what
    is left of the soak behind waves that an earlier run has finished.
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

    def pop_first(self, allowed: Callable[[str], bool]) -> str | None:
        """Remove and return the first allowed node of the open waves, None if there is none."""
        for wave in self._waiting[: self._current + 1]:
            for position, node in enumerate(wave):
                if allowed(node):
                    del wave[position]
                    return node
        return None

    def remove(self, step: Step) -> None:
        """Remove a node that has started by itself."""
        self._waiting[step.wave].remove(step.node)

    def put_back(self, step: Step) -> None:
        """Put a node back at the front of its wave."""
        self._waiting[step.wave].appendleft(step.node)

    def __iter__(self) -> Iterator[str]:
        """Iterate over the nodes whose turn may come: those up to the first unsettled wave."""
        unsettled = (
            number
            for number, count in enumerate(self._unsettled)
            if count and number >= self._current
        )
        last = next(unsettled, self._current)
        return (node for wave in self._waiting[: last + 1] for node in wave)


class DelayQueue:
    """Nodes by the time they are due, those of one moment in the order they were added."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, str]] = []
        self._number = count()

    def add_at(self, when: float, node: str) -> None:
        """Make a node due at a time; it may be due at several."""
        heapq.heappush(self._due, (when, next(self._number), node))

    @property
    def next_due(self) -> float:
        """When the next node is due, infinity if none is."""
        return self._due[0][0] if self._due else inf

    def pop_due(self, now: float) -> Iterator[str]:
        """Remove and return the nodes that are due."""
        while self.next_due <= now:
            yield heapq.heappop(self._due)[2]


class RemovalQueue:
    """The nodes marked in this run whose succeeded Job is still there, counted by quotas.

    Jobs are selected by the label with the name of their node, which may be truncated: where two
    nodes have the same label, their Jobs stay until the end of the run.
    """

    def __init__(self, nodes: Iterable[str]) -> None:
        self._alike = Counter(map(names.node_label, nodes))
        self._waiting: list[str] = []

    def add(self, node: str) -> None:
        """Add a node that is done."""
        if self._alike[names.node_label(node)] == 1:
            self._waiting.append(node)

    def pop_batch(self, *, partial: bool) -> tuple[str, ...]:
        """Remove and return a batch of nodes; one that is not full only if `partial`."""
        if len(self._waiting) < REMOVAL_BATCH and not partial:
            return ()
        batch, self._waiting = self._waiting[:REMOVAL_BATCH], self._waiting[REMOVAL_BATCH:]
        return tuple(batch)
