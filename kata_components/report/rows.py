"""The rows of the timeline: a node each, or as many nodes as it takes to stay readable. Pure."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from math import ceil, inf
from statistics import median
from typing import Final

from kata_components.report.record import NodeRecord, Result

MOST_NODES: Final = 200
"""Up to how many nodes have a row each."""
_MOST_GROUPS: Final = 100
"""About how many rows there are for more nodes."""
_RESULTS: Final[Mapping[Result, str]] = {
    "done": "done",
    "failed": "failed",
    "skipped": "left out",
    "gone": "gone",
    "waiting": "not started",
    "working": "interrupted",
}


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stage of a row, in seconds since the run began."""

    stage: str
    """`starting`, `job` or `behind`."""
    begin: float
    end: float


@dataclass(frozen=True, kw_only=True)
class Row:
    """One node, or several that started one after another."""

    nodes: Sequence[NodeRecord]
    """In the order in which they started."""
    wave: int
    """Counts from 1, among the waves with work, as plan lines do."""

    @property
    def label(self) -> str:
        """Name it."""
        first = self.nodes[0]
        if len(self.nodes) > 1:
            return f"{len(self.nodes)} nodes from {first.node}"
        return f"{first.node} (canary)" if first.canary else first.node

    @property
    def failed(self) -> int:
        """How many of its nodes failed."""
        return sum(node.result == "failed" for node in self.nodes)

    @property
    def results(self) -> str:
        """Say what became of its nodes: `done`, or `23 done, 2 failed`."""
        if len(self.nodes) == 1:
            return _RESULTS[self.nodes[0].result]
        counted = Counter(node.result for node in self.nodes)
        return ", ".join(f"{count} {_RESULTS[result]}" for result, count in counted.most_common())

    @property
    def why(self) -> str:
        """Say what the plan had for its nodes: `install: new node`, or `23 install, 2 retry`."""
        if len(self.nodes) == 1:
            return f"{self.nodes[0].action}: {self.nodes[0].reason}"
        counted = Counter(node.action for node in self.nodes)
        return ", ".join(f"{count} {action}" for action, count in counted.most_common())

    @property
    def begin(self) -> float | None:
        """When the first of its nodes started."""
        return min((n.started for n in self.nodes if n.started is not None), default=None)

    @property
    def end(self) -> float | None:
        """When the last of its nodes ended."""
        return max((n.ended for n in self.nodes if n.ended is not None), default=None)

    @property
    def job_seconds(self) -> float | None:
        """The median of how long its Jobs ran."""
        return _median(self.nodes, lambda node: node.job_seconds)

    @property
    def behind_seconds(self) -> float | None:
        """The median of how long its nodes took behind their Jobs."""
        return _median(self.nodes, lambda node: node.behind_seconds)

    @property
    def spans(self) -> list[Span]:
        """Return the stages of its node, or of a typical one of its nodes."""
        started = _median(self.nodes, lambda node: node.started)
        created = _median(self.nodes, lambda node: node.job_started)
        job_ended = _median(self.nodes, lambda node: node.job_ended)
        ended = _median(self.nodes, lambda node: node.ended)
        if created is None and not self.failed:
            # All it took was a write to the node.
            points = [("behind", started), ("", ended)]
        else:
            points = [("starting", started), ("job", created), ("behind", job_ended), ("", ended)]
        known = [(stage, moment) for stage, moment in points if moment is not None]
        return [
            Span(stage=stage, begin=begin, end=max(begin, end))
            for (stage, begin), (_, end) in pairwise(known)
        ]


def rows(nodes: Sequence[NodeRecord]) -> list[Row]:
    """Return the rows of all nodes that were planned, wave by wave, as they started.

    Those of a wave that were not started share a row.
    """
    planned = [node for node in nodes if node.planned]
    size = 1 if len(planned) <= MOST_NODES else ceil(len(planned) / _MOST_GROUPS)
    ordered = sorted(planned, key=lambda n: (n.wave, inf if n.started is None else n.started))
    waves = [list(wave) for _, wave in groupby(ordered, key=lambda node: node.wave)]
    return [
        Row(nodes=group, wave=number)
        for number, wave in enumerate(waves, start=1)
        for group in _groups(wave, size)
    ]


def _groups(wave: Sequence[NodeRecord], size: int) -> Iterator[Sequence[NodeRecord]]:
    begun = [node for node in wave if node.result != "waiting"]
    for first in range(0, len(begun), size):
        yield begun[first : first + size]
    if waiting := [node for node in wave if node.result == "waiting"]:
        yield waiting


def _median(
    nodes: Sequence[NodeRecord], value: Callable[[NodeRecord], float | None]
) -> float | None:
    known = [found for node in nodes if (found := value(node)) is not None]
    return median(known) if known else None
