"""The tables of a plan: rows of nodes that are alike, so that any fleet can be read. Pure."""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import inf
from typing import Final, TypeVar

from kata_components import wording
from kata_components.report.plan_record import NodeKind, PlannedNode, PlanRecord, Release

_KeyT = TypeVar("_KeyT", bound=Hashable)
_UP_TO_DATE: Final = "upToDate"
_CLEANUP: Final = inf
"""Where the cleanup comes among the waves."""
_LETTERS: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"


@dataclass(frozen=True, kw_only=True)
class Wave:
    """The nodes that are worked on together; the cleanup comes last, as another wave."""

    title: str
    """Its number, from 1 among the waves with work as in plan lines, and its size."""
    nodes: Sequence[PlannedNode]
    begin: int
    """How many nodes come before it."""

    @property
    def zones(self) -> dict[str, int]:
        """How many of its nodes are in each zone."""
        return dict(sorted(Counter(node.zone for node in self.nodes).items()))

    def kinds(self, names: Mapping[NodeKind, str]) -> dict[str, int]:
        """How many of its nodes are of each kind, by the names of kinds."""
        return dict(sorted(Counter(names.get(node.kind, "") for node in self.nodes).items()))


@dataclass(frozen=True, kw_only=True)
class Change:
    """Nodes with the same installed to which the same is done."""

    action: str
    installed: Release | None
    nodes: Sequence[PlannedNode]


@dataclass(frozen=True, kw_only=True)
class Row:
    """Nodes that nothing tells apart but their names."""

    nodes: Sequence[PlannedNode]

    @property
    def first(self) -> PlannedNode:
        """One of them."""
        return self.nodes[0]

    @property
    def reason(self) -> str:
        """Why; empty if each has a reason of its own."""
        return self.first.reason if len({node.reason for node in self.nodes}) == 1 else ""

    @property
    def names(self) -> list[str]:
        """All of them; a range has every number in between."""
        return [names.text for names in wording.runs(node.node for node in self.nodes)]


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the list of all nodes."""

    title: str
    rows: Sequence[Row]

    @property
    def size(self) -> int:
        """How many nodes it has."""
        return sum(len(row.nodes) for row in self.rows)


def actions(nodes: Iterable[PlannedNode]) -> dict[str, int]:
    """Return how many nodes each action has, that of most nodes first."""
    return dict(Counter(node.action for node in nodes).most_common())


def waves(record: PlanRecord) -> list[Wave]:
    """Return the waves with work, in order, then the cleanup."""
    sizes = record.pace.get("rollout.waves") or []
    found = sorted(
        _alike(record.pending, lambda node: node.wave if node.selected else _CLEANUP).items()
    )
    begins = accumulate((len(nodes) for _, nodes in found), initial=0)
    made: list[Wave] = []
    for (position, nodes), begin in zip(found, begins, strict=False):
        size = f" ({sizes[int(position)]})" if position < len(sizes) else ""
        title = "then cleanup" if position == _CLEANUP else f"wave {len(made) + 1}{size}"
        made.append(Wave(title=title, nodes=nodes, begin=begin))
    return made


def kinds(nodes: Iterable[PlannedNode]) -> dict[NodeKind, list[PlannedNode]]:
    """Return the nodes that are not up to date by their kind, that of most nodes first.

    There is none if nothing is known of any node.
    """
    found = _alike((n for n in nodes if n.action != _UP_TO_DATE), lambda node: node.kind)
    if found.keys() <= {NodeKind()}:
        return {}
    return dict(sorted(found.items(), key=lambda alike: (-len(alike[1]), alike[0])))


def kind_names(found: Iterable[NodeKind]) -> dict[NodeKind, str]:
    """Return short names for kinds: A to Z, then numbers."""
    return {
        kind: _LETTERS[number] if number < len(_LETTERS) else f"K{number + 1}"
        for number, kind in enumerate(found)
    }


def changes(record: PlanRecord) -> list[Change]:
    """Return what happens to the nodes that are touched, by what is on them now, most first."""
    found = _alike(record.pending, lambda node: (node.action, node.installed))
    return [
        Change(action=action, installed=installed, nodes=nodes)
        for (action, installed), nodes in sorted(found.items(), key=lambda alike: -len(alike[1]))
    ]


def sections(record: PlanRecord) -> list[Section]:
    """Return all nodes: wave by wave, then the cleanup, then those that are left alone."""
    found = [Section(title=wave.title, rows=_rows(wave.nodes)) for wave in waves(record)]
    skipped = [node for node in record.listed if node.action == "skipped"]
    done = [node for node in record.listed if node.action == _UP_TO_DATE]
    found.append(Section(title="skipped", rows=_rows(skipped)))
    # Each has a reason of its own: when it was installed.
    found.append(Section(title="up to date", rows=[Row(nodes=done)] if done else []))
    return [section for section in found if section.rows]


def _rows(nodes: Sequence[PlannedNode]) -> list[Row]:
    found = _alike(nodes, lambda n: (not n.canary, n.action, n.reason, n.kind, n.zone))
    return [Row(nodes=found[key]) for key in sorted(found)]


def _alike(
    nodes: Iterable[PlannedNode], key: Callable[[PlannedNode], _KeyT]
) -> dict[_KeyT, list[PlannedNode]]:
    found: dict[_KeyT, list[PlannedNode]] = defaultdict(list)
    for node in nodes:
        found[key(node)].append(node)
    return found
