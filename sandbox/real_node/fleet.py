"""The real nodes of a cluster, and the registry from which they pull."""

import itertools

from sandbox.control_plane import ControlPlane
from sandbox.errors import SandboxError
from sandbox.kube import in_parallel
from sandbox.real_node.node import RealNode
from sandbox.real_node.obstacle import obstacle
from sandbox.real_node.registry import Registry


class RealNodes:
    """All real nodes of a cluster; those that exist have a folder each."""

    def __init__(self, control_plane: ControlPlane) -> None:
        self._control_plane = control_plane

    def names(self) -> list[str]:
        """Return the names of all real nodes, running or not, in order."""
        folder = self._control_plane.real_nodes
        return sorted(entry.name for entry in folder.glob("*") if entry.is_dir())

    def node(self, name: str) -> RealNode:
        """Return an existing real node.

        Raises:
            SandboxError: There is none of that name.
        """
        if name not in self.names():
            raise SandboxError(f"{name} is not a real node; `add-nodes --real` adds one")
        return RealNode(self._control_plane, name)

    def add(self, count: int) -> list[str]:
        """Add real nodes with the lowest free numbers, wait until they are Ready, return the names.

        Raises:
            SandboxError: This machine cannot run a node, or one did not become Ready.
        """
        if reason := obstacle():
            raise SandboxError(reason)
        taken = self.names()
        free = (name for number in itertools.count(1) if (name := f"real-{number}") not in taken)
        names = list(itertools.islice(free, count))
        self._boot(names)
        return names

    def start(self) -> None:
        """Start those that exist, and wait until they are Ready."""
        self._boot(self.names())

    def stop(self) -> None:
        """Switch all off; their disks stay."""
        in_parallel(lambda name: self.node(name).stop(), self.names())
        self._registry.stop()

    def delete(self) -> None:
        """Switch all off and remove their disks, but not the Node objects of a dying cluster."""
        in_parallel(lambda name: self.node(name).discard(), self.names())
        self._registry.stop()

    def _boot(self, names: list[str]) -> None:
        if names:
            self._control_plane.real_nodes.mkdir(exist_ok=True)
            self._registry.start()
        in_parallel(lambda name: RealNode(self._control_plane, name).start(), names)

    @property
    def _registry(self) -> Registry:
        return Registry(self._control_plane.real_nodes, self._control_plane.registry_port)
