"""Waves: the order in which nodes are taken, and how many at a time (`rollout.waves`). Pure.

A wave is a cumulative size: `canary` (one node of each kind), a number, or a percentage of the
selected nodes. Nodes already done at this digest count. The same fleet always gives the same waves.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import zip_longest
from typing import Final, NamedTuple

from kata_components.kubernetes.nodes import Node
from kata_components.settings.wave_sizes import CANARY, Size, percent

ZONE_LABEL: Final = "topology.kubernetes.io/zone"


class Kind(NamedTuple):
    """What makes nodes alike for a canary: a failure on one says something about the others."""

    architecture: str = ""
    os_image: str = ""
    kernel_minor: str = ""
    container_runtime: str = ""


UNREPORTED: Final = Kind()
"""That of a node about which nothing is known."""


def kind_of(node: Node) -> Kind:
    """Return the kind of a node; of its kernel, only the minor version counts (`6.8`)."""
    info = node.info
    minor = re.match(r"\d+\.\d+", info.kernel_version)
    kernel = minor.group() if minor else info.kernel_version
    return Kind(info.architecture, info.os_image, kernel, info.container_runtime_version)


def zone_of(node: Node) -> str:
    """Return the zone of a node, empty if it has none."""
    return node.metadata.label(ZONE_LABEL) or ""


def share(size: Size, total: int) -> int:
    """Return how many of `total` nodes a wave of that size allows; percentages are rounded up."""
    return math.ceil(_exact(size, total))


def allowed(failures: Size, total: int) -> int:
    """Return how many of `total` nodes may fail; percentages are rounded down."""
    return math.floor(_exact(failures, total))


def _exact(size: Size, total: int) -> Fraction:
    share = percent(size)
    return Fraction(int(size)) if share is None else Fraction(total * share, 100)


def reach(sizes: Iterable[Size], nodes: Iterable[Node]) -> int:
    """Return how many of all selected nodes the waves of these sizes reach."""
    selected = list(nodes)
    kinds = len(set(map(kind_of, selected)))
    return max(
        (kinds if size == CANARY else share(size, len(selected)) for size in sizes), default=0
    )


def interleaved(nodes: Iterable[Node]) -> list[Node]:
    """Return nodes round-robin by zone, by name within a zone: no zone is hit alone."""
    zones: dict[str, list[Node]] = defaultdict(list)
    for node in sorted(nodes, key=lambda node: node.metadata.name):
        zones[zone_of(node)].append(node)
    rounds = zip_longest(*(zones[zone] for zone in sorted(zones)))
    return [node for one_of_each in rounds for node in one_of_each if node is not None]


def canaries(waiting: Sequence[Node], tried: Iterable[Node]) -> list[Node]:
    """Return the first waiting node of each kind that has not been tried yet."""
    proven = {kind_of(node) for node in tried}
    chosen: dict[Kind, Node] = {}
    for node in waiting:
        if (kind := kind_of(node)) not in proven:
            chosen.setdefault(kind, node)
    return list(chosen.values())


def split(
    waiting: Sequence[Node],
    *,
    tried: Sequence[Node],
    started: int,
    sizes: Sequence[Size],
    total: int,
) -> list[list[Node]]:
    """Return `waiting` split into waves; a last wave smaller than the fleet omits the rest.

    The kind of a `tried` node needs no canary. `started` is how many nodes come before the waiting
    ones, `total` how many are selected, which percentages refer to. Without sizes there is one wave
    with everything. Waves with nothing left to do are empty lists, so that a wave keeps its number
    in a resumed rollout.
    """
    if not sizes:
        return [list(waiting)]
    rest = list(waiting)
    waves: list[list[Node]] = []
    for size in sizes:
        chosen = (
            canaries(rest, tried)
            if size == CANARY
            else rest[: max(0, share(size, total) - started)]
        )
        taken = {node.metadata.name for node in chosen}
        rest = [node for node in rest if node.metadata.name not in taken]
        started += len(chosen)
        waves.append(chosen)
    return waves


def seconds_left(marked: Iterable[str], soak_seconds: float, now: datetime) -> float:
    """Return how many seconds of the soak are left after the newest time in marks (RFC 3339, UTC).

    It is never more than the whole soak, however wrong the clocks were. Times that cannot be read
    do not count.
    """
    times = [time for text in marked if (time := _parsed(text))]
    if not times or not soak_seconds:
        return 0.0
    left = (max(times) + timedelta(seconds=soak_seconds) - now).total_seconds()
    return min(max(left, 0.0), soak_seconds)


def _parsed(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        return None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
