"""Whether a node serves Kata, judged behind a Job that does not label its node itself. Pure."""

from enum import Enum, auto
from typing import Final

from kata_components.kubernetes.nodes import Node
from kata_components.planning.demands import Demands


class Service(Enum):
    """How far a node is behind its Job."""

    NOT_READY = auto()
    NOT_SERVED = auto()
    """Its container runtime reports its handlers, and none of ours is among them."""
    SERVED = auto()
    UNKNOWN = auto()
    """The node does not report its handlers: Kubernetes does so from 1.30 on (contract D47)."""


NOT_SERVING: Final = frozenset({Service.NOT_READY, Service.NOT_SERVED})


def service_of(node: Node, demands: Demands) -> Service:
    """Return how far a node is. One handler of ours is enough, as for upstream's dispatcher."""
    if not node.ready:
        return Service.NOT_READY
    served = demands.is_served_by(node)
    if served is None:
        return Service.UNKNOWN
    return Service.SERVED if served or not demands.handlers else Service.NOT_SERVED


def registers_labels_again(node: Node) -> bool:
    """Whether its kubelet restarts with the container runtime and may set old labels again.

    Those of k3s and RKE2 do: one process runs both (contract D31).
    """
    return any(f"+{build}" in node.info.kubelet_version for build in ("k3s", "rke2"))
