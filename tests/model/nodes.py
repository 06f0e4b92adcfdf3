"""The nodes of a cluster: who may change what of them, and who hears of it."""

import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field

from kata_components import names
from tests.model.history import Change, Event, History, Object, RefusedError
from tests.model.store import Kept, Store, merged


@dataclass
class Nodes(Store):
    """Nodes; tests that change one while somebody watches call `node_changed`."""

    nodes: Kept = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_history = History()

    def add_nodes(
        self,
        *node_names: str,
        ready: bool = True,
        labels: dict[str, str] | None = None,
        taints: Sequence[Object] = (),
    ) -> None:
        for name in node_names:
            status = "True" if ready else "Unknown"
            self.nodes[name] = {
                "metadata": {
                    "name": name,
                    "uid": f"uid-{name}",
                    "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                    "annotations": {},
                },
                "spec": {"taints": list(taints)},
                "status": {
                    "conditions": [{"type": "Ready", "status": status}],
                    "nodeInfo": {"machineID": f"machine-{name}", "architecture": "amd64"},
                },
            }
            self.node_changed(name, "ADDED")

    def remove_node(self, name: str) -> None:
        """Delete a node, if it is there."""
        if name in self.nodes:
            self.node_changed(name, "DELETED")
            del self.nodes[name]

    def marked(self, suffix: str = "") -> list[str]:
        key = names.mark_annotation(suffix)
        return sorted(n for n, node in self.nodes.items() if key in node["metadata"]["annotations"])

    def patch_node(
        self,
        name: str,
        uid: str,
        *,
        annotations: Mapping[str, str | None],
        labels: Mapping[str, str | None],
        taints: Sequence[Object] | None = None,
        resource_version: str = "",
    ) -> Object:
        """Apply a merge patch to a node, and return it."""
        known = self.find(self.nodes, name)["metadata"]
        if known["uid"] != uid:
            raise RefusedError(409, "Conflict", "the node has another UID")
        if resource_version not in {"", known["resourceVersion"]}:
            raise RefusedError(409, "Conflict", "the node has been modified")
        node = self.nodes[name]
        for kind, changes in (("annotations", annotations), ("labels", labels)):
            node["metadata"][kind] = merged(known[kind], dict(changes))
        if taints is not None:
            node["spec"]["taints"] = list(taints)
        self.node_changed(name)
        return copy.deepcopy(node)

    def node_changed(self, name: str, kind: Change = "MODIFIED") -> None:
        """Give a node its next version, and tell those who watch."""
        node = self.nodes[name]
        node["metadata"]["resourceVersion"] = self._next_version()
        self.node_history.add(self._version, kind, node)

    def forget(self) -> None:
        super().forget()
        self.node_history.forget(self._version)

    async def follow_nodes(self, resource_version: str = "") -> AsyncIterator[Event]:
        """Yield the changes of nodes after a version, forever; without one, what is there first."""
        version = int(resource_version or self._version)
        if not resource_version:
            for node in copy.deepcopy(list(self.nodes.values())):
                yield Event(version, "ADDED", node)
        async for event in self.node_history.follow(version):
            yield event
