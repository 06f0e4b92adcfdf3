"""The nodes of a cluster: who may change what of them, and who hears of it."""

import asyncio
import copy
import functools
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from kata_components import names
from tests.model.history import Change, Event, History, Object, RefusedError
from tests.model.kubelet import NEVER, Kubelet
from tests.model.ordering import Ordering
from tests.model.store import Kept, Store, merged


@dataclass
class Nodes(Store):
    """Nodes; tests that change one while somebody watches call `node_changed`."""

    nodes: Kept = field(default_factory=dict)
    kubelet: Kubelet = field(default_factory=Kubelet)
    """How the kubelets behave that `set_kubelet` does not change."""
    violations: list[str] = field(default_factory=list)
    """What must never happen, and did."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.node_history = History()
        self.ordering = Ordering(self.violations, self._now)
        self._kubelets: dict[str, Kubelet] = {}

    def add_nodes(
        self,
        *node_names: str,
        ready: bool = True,
        labels: dict[str, str] | None = None,
        taints: Sequence[Object] = (),
    ) -> None:
        for name in node_names:
            self.nodes[name] = {
                "metadata": {
                    "name": name,
                    "uid": f"uid-{name}",
                    "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                    "annotations": {},
                },
                "spec": {"taints": list(taints)},
                "status": self._kubelet_of(name).status(name, ready=ready),
            }
            self.node_changed(name, "ADDED")

    def remove_node(self, name: str) -> None:
        """Delete a node, if it is there."""
        if name in self.nodes:
            self.node_changed(name, "DELETED")
            del self.nodes[name]

    def set_kubelet(self, name: str, kubelet: Kubelet) -> None:
        """Change the behaviour of a node's kubelet, before anything has happened on the node."""
        self._kubelets[name] = kubelet
        self.nodes[name]["status"] = kubelet.status(name)
        self.node_changed(name)

    def report(self, name: str) -> None:
        """Let a node's kubelet report what it did not report yet."""
        self.nodes[name]["status"]["nodeInfo"] |= Kubelet.facts(name)
        self.node_changed(name)

    def set_ready(self, name: str, *, ready: bool) -> None:
        status = "True" if ready else "Unknown"
        self.nodes[name]["status"]["conditions"] = [{"type": "Ready", "status": status}]
        self.node_changed(name)

    def marked(self, suffix: str = "") -> list[str]:
        key = names.mark_annotation(suffix)
        return sorted(n for n, node in self.nodes.items() if key in node["metadata"]["annotations"])

    def patch_node(
        self,
        name: str,
        uid: str,
        *,
        annotations: Mapping[str, str | None] | None = None,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Object] | None = None,
        resource_version: str = "",
    ) -> Object:
        """Apply a merge patch to a node, and return it."""
        before = self.find(self.nodes, name)
        known = before["metadata"]
        if known["uid"] != uid:
            raise RefusedError(409, "Conflict", "the node has another UID")
        if resource_version not in {"", known["resourceVersion"]}:
            raise RefusedError(409, "Conflict", "the node has been modified")
        node = self.nodes[name]
        for kind, changes in (("annotations", annotations), ("labels", labels)):
            node["metadata"][kind] = merged(known[kind], dict(changes or {}))
        if taints is not None:
            node["spec"]["taints"] = list(taints)
        self.ordering.patched(before, node)
        self.node_changed(name)
        return copy.deepcopy(node)

    def node_changed(self, name: str, kind: Change = "MODIFIED") -> None:
        """Give a node its next version, and tell those who watch."""
        node = self.nodes[name]
        node["metadata"]["resourceVersion"] = self._next_version()
        self.node_history.add(self._version, kind, node)
        self.ordering.observe(node)

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

    # What kubelets do.

    def _kubelet_of(self, name: str) -> Kubelet:
        return self._kubelets.get(name, self.kubelet)

    def _restart_runtime(self, name: str, handlers: Collection[str], *, kata: bool) -> None:
        """Let a node's container runtime serve the handlers of Kata, or not any more."""
        node, kubelet = self.nodes[name], self._kubelet_of(name)
        if kubelet.not_ready_seconds:
            self.set_ready(name, ready=False)
            ready = functools.partial(self.set_ready, name, ready=True)
            self._after(kubelet.not_ready_seconds, node, ready)
        if kubelet.handlers_after is not None:
            served = handlers if kata and kubelet.serves else ()
            publish = functools.partial(self._publish, name, handlers, served)
            self._after(kubelet.handlers_after, node, publish)
        labels = {k: v for k, v in node["metadata"]["labels"].items() if _is_of_kata(k)}
        for seconds in kubelet.labels_again_after if kata else ():
            self._after(seconds, node, functools.partial(self._register, name, labels))

    def _publish(self, name: str, handlers: Collection[str], served: Collection[str]) -> None:
        status = self.nodes[name]["status"]
        others = [h for h in status["runtimeHandlers"] if h["name"] not in handlers]
        status["runtimeHandlers"] = others + [{"name": handler} for handler in sorted(served)]
        self.node_changed(name)

    def _register(self, name: str, labels: Mapping[str, str]) -> None:
        self.nodes[name]["metadata"]["labels"] |= labels
        self.node_changed(name)

    def _after(self, seconds: float, node: Object, happen: Callable[[], None]) -> None:
        def if_there() -> None:
            if self.nodes.get(node["metadata"]["name"]) is node:
                happen()

        if seconds <= 0.0:
            happen()
        elif seconds < NEVER:
            self._later(seconds, if_there)

    def _later(self, seconds: float, happen: Callable[..., None], *arguments: Any) -> None:
        """Schedule an event; simulated histories override this with a clock of their own."""
        asyncio.get_running_loop().call_later(seconds, happen, *arguments)

    def _now(self) -> float:
        """Return the time, 0 before anything has begun to happen."""
        try:
            return asyncio.get_running_loop().time()
        except RuntimeError:
            return 0.0


def _is_of_kata(label: str) -> bool:
    return label == names.RUNTIME_LABEL or label.startswith(f"{names.ANNOTATION_PREFIX}/")
