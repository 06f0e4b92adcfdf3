"""Succeeded Jobs that have nothing to tell any more, since their nodes are marked: quotas count them."""

from collections import Counter
from collections.abc import Iterable
from typing import Final

from kata_components import names

BATCH: Final = 50
"""So many Jobs are removed with one request: it names their nodes, and has to fit into a URL."""


class Spent:
    """The nodes that are done in this run and whose Job is still there.

    Jobs are chosen by the label that says their node, cut short as it is: where two of the nodes
    have the same one, theirs stay to the end of the run.
    """

    def __init__(self, nodes: Iterable[str]) -> None:
        self._alike = Counter(map(names.node_label, nodes))
        self._waiting: list[str] = []

    def add(self, node: str) -> None:
        """Take a node that is done."""
        if self._alike[names.node_label(node)] == 1:
            self._waiting.append(node)

    def take(self, *, at_once: bool) -> tuple[str, ...]:
        """Return the nodes whose Jobs are to go: a full batch, or `at_once` also less.

        None is returned twice.
        """
        if len(self._waiting) < BATCH and not at_once:
            return ()
        taken, self._waiting = self._waiting[:BATCH], self._waiting[BATCH:]
        return tuple(taken)
