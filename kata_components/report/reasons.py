"""Why nodes are skipped, told once for all nodes of a reason. Pure."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from kata_components import wording
from kata_components.foreign import bounded


@dataclass(frozen=True, kw_only=True)
class Reason:
    """A reason and the nodes that share it."""

    text: str
    count: int
    names: str
    """The first of them."""


def reasons(skipped: Iterable[tuple[str, str]]) -> list[Reason]:
    """Return the reasons of these nodes, each a name and why, the most frequent first."""
    found: dict[str, list[str]] = defaultdict(list)
    for node, why in skipped:
        found[bounded(why)].append(node)
    ordered = sorted(found.items(), key=lambda reason: -len(reason[1]))
    return [
        Reason(text=text, count=len(names), names=bounded(wording.named(names)))
        for text, names in ordered[: wording.SHOWN_NODES]
    ]
