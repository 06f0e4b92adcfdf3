"""Which nodes have to be looked at again, and when."""

import heapq
from collections.abc import Iterator
from itertools import count
from math import inf


class DelayQueue:
    """Nodes by the time they are due, those of one moment in the order they were added."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, str]] = []
        self._number = count()

    def add_at(self, when: float, node: str) -> None:
        """Have a node looked at again; it may be due at several times."""
        heapq.heappush(self._due, (when, next(self._number), node))

    @property
    def next(self) -> float:
        """When the next node is due, infinity if none is."""
        return self._due[0][0] if self._due else inf

    def pop_due(self, now: float) -> Iterator[str]:
        """Take the nodes that are due."""
        while self.next <= now:
            yield heapq.heappop(self._due)[2]
