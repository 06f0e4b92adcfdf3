"""Which nodes are selected, and label selectors evaluated on the labels of one node. Pure.

The API server filters lists; the evaluation here is for a node that was read alone. It supports
what selections use: equality, In, NotIn, Exists and DoesNotExist.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from kata_components.kubernetes.nodes import Node


@dataclass(frozen=True, kw_only=True)
class Selection:
    """Which nodes: exact names if there are any, else those that any label selector matches.

    Without a selector, or with an empty one, every node.
    """

    nodes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()

    @property
    def effective_selectors(self) -> tuple[str, ...]:
        """The selectors that count: an empty one matches every node and makes others redundant."""
        return self.selectors if self.selectors and all(self.selectors) else ("",)

    def includes(self, node: Node) -> bool:
        """Whether it selects a node as it is now."""
        if self.nodes:
            return node.metadata.name in self.nodes
        return any(
            matches(selector, node.metadata.labels or {}) for selector in self.effective_selectors
        )

    def __str__(self) -> str:
        """Return it as messages name it."""
        if self.nodes:
            return f"job.nodes {', '.join(self.nodes)}"
        if not all(self.effective_selectors):
            return "any node"
        shown = " or ".join(map(repr, self.effective_selectors))
        return f"the node selector{'s' if len(self.effective_selectors) > 1 else ''} {shown}"


_COMMA: Final = re.compile(r",(?![^(]*\))")
"""Separates requirements; a comma in parentheses separates values."""
_SET: Final = re.compile(r"(\S+)\s+(in|notin)\s+\((.*)\)")
_EQUALITY: Final = re.compile(r"([^\s=!]+)\s*(!?=)=?\s*(\S*)")


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Return whether labels match a selector; the empty one matches all."""
    return all(_fits(part.strip(), labels) for part in _COMMA.split(selector) if part.strip())


def _fits(requirement: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.fullmatch(requirement):
        key, operator, values = found.groups()
        return (labels.get(key) in {value.strip() for value in values.split(",")}) is (
            operator == "in"
        )
    if found := _EQUALITY.fullmatch(requirement):
        key, operator, value = found.groups()
        return (labels.get(key) == value) is (operator == "=")
    return (
        requirement.removeprefix("!").strip() in labels
        if requirement[0] != "!"
        else requirement[1:] not in labels
    )
