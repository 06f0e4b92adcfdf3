"""What an installation demands of its nodes, and what they say of themselves. Pure."""

from typing import Final

import msgspec

from kata_components import names
from kata_components.kubernetes.objects import Node


class Demands(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What the configuration implies for every node.

    `labels` are those by which its RuntimeClasses select nodes, all with the value `true`; `handlers`
    the CRI runtime handlers that its pods ask for.
    """

    labels: tuple[str, ...] = (names.RUNTIME_LABEL,)
    handlers: tuple[str, ...] = ()

    def missing_labels(self, node: Node) -> list[str]:
        """Return the labels without which no pod is scheduled to the node."""
        return [label for label in self.labels if node.metadata.label(label) != "true"]

    def is_served_by(self, node: Node) -> bool | None:
        """Whether the node's container runtime serves a handler of ours; None where the node does not say.

        Kubernetes publishes them from 1.30 on, with container runtimes that tell (contract D47).
        """
        served = node.handlers
        return None if served is None else not served.isdisjoint(self.handlers)


NONE: Final = Demands()
"""Those of an installation of which nothing but upstream's label is known."""
