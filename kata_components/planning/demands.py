"""What an installation demands of its nodes, and what they report about themselves. Pure."""

import re
from typing import Final

import msgspec

from kata_components import names
from kata_components.kubernetes.nodes import Node


class Demands(msgspec.Struct, rename="camel", frozen=True, kw_only=True):
    """What the configuration implies for every node."""

    labels: tuple[str, ...] = (names.RUNTIME_LABEL,)
    """The labels by which its RuntimeClasses select nodes, all with the value `true`."""
    handlers: tuple[str, ...] = ()
    """The CRI runtime handlers that its pods ask for."""
    distribution: str = ""
    """The distribution of Kubernetes whose configuration files are written; empty for any."""
    containerd: tuple[str, str] = ("", "")
    """The oldest sufficient version of containerd, and what needs it."""
    startup_taints: tuple[str, ...] = ()
    """The taints that are lifted from an installed node, as `key` or `key:effect`.

    Empty if its Job does that.
    """
    ready_seconds: int = 0
    """How long a node may take to become Ready after its Job (`job.waitNodeReadySeconds`)."""

    def missing_labels(self, node: Node) -> list[str]:
        """Return the labels without which no pod is scheduled to the node."""
        return [label for label in self.labels if node.metadata.label(label) != "true"]

    def is_served_by(self, node: Node) -> bool | None:
        """Whether the node's container runtime serves a handler of ours; None if not reported.

        Kubernetes publishes them from 1.30 on, if the container runtime does (contract D47).
        """
        served = node.handlers
        return None if served is None else not served.isdisjoint(self.handlers)

    def is_installed_on(self, node: Node, until: str) -> bool:
        """Whether something shows that Kata is on a node on which no Job of ours has run.

        If the node does not report handlers, it may have Kata if it was created up to `until`.
        """
        served = self.is_served_by(node)
        if served is None:
            return bool(until) and (node.metadata.creation_timestamp or "") <= until
        return served

    def unfit(self, node: Node) -> str:
        """Return why a node cannot run Kata as configured, empty if it can."""
        if node.info.operating_system == "windows":
            return "Kata needs Linux, not Windows"
        least, why = self.containerd
        version = _CONTAINERD.match(node.info.container_runtime_version)
        if least and version and _numbers(version[1]) < _numbers(least):
            return f"containerd {version[1]} is too old: {why} needs {least}; upgrade or deselect"
        return ""

    def other_distribution(self, node: Node) -> str:
        """Return the distribution that a node reports if it is not the configured one, else "".

        The node program would write where no container runtime reads. CRI-O is configured in the
        same way everywhere.
        """
        if not self.distribution or node.info.container_runtime_version.startswith("cri-o"):
            return ""
        built = _BUILD.search(node.info.kubelet_version)
        if built:
            return "" if built[1] == self.distribution else built[1]
        ranchers = "-k3s" in node.info.container_runtime_version
        return "k3s" if ranchers and self.distribution not in _RANCHERS else ""


_CONTAINERD: Final = re.compile(r"containerd://v?(\d+\.\d+)")
_BUILD: Final = re.compile(r"\+(k3s|rke2|k0s)")
"""In the version of the kubelet: `v1.34.1+k3s1`."""
_RANCHERS: Final = frozenset({"k3s", "rke2"})
"""Both come with the containerd of k3s: `containerd://2.1.4-k3s1`."""


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


NONE: Final = Demands()
"""Those of an installation about which only upstream's label is known."""
