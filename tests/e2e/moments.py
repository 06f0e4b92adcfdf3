"""Every moment of an upgrade: which nodes could run Kata pods, and where pods could be scheduled.

Read afterwards from the API server's events, which are in the order of their resource versions
across kinds, so nothing between two looks is missed.
"""

from typing import Any

from sandbox.kube import Kube

NODES = "/api/v1/nodes"
CLASSES = "/apis/node.k8s.io/v1/runtimeclasses"


class Moments:
    """The moments since this object was made, for pods of one RuntimeClass."""

    def __init__(self, kube: Kube, runtime_class: str) -> None:
        self._kube = kube
        self._class = f"{CLASSES}/{runtime_class}"
        self._selector = _selector(kube.get(self._class))
        listed = kube.get(NODES)
        self._nodes = {node["metadata"]["name"]: node for node in listed["items"]}
        self._since = listed["metadata"]["resourceVersion"]

    def idle(self) -> dict[int, set[str]]:
        """Return nodes that served Kata while pods could not be scheduled there, by moment."""
        events = [
            event["object"]
            for path in (NODES, CLASSES)
            for event in self._kube.events(path, self._since)
        ]
        found: dict[int, set[str]] = {}
        for changed in sorted(events, key=_moment):
            if changed["kind"] == "Node":
                self._nodes[changed["metadata"]["name"]] = changed
            elif self._class.endswith(f"/{changed['metadata']['name']}"):
                self._selector = _selector(changed)
            if idle := {name for name, node in self._nodes.items() if self._is_idle(node)}:
                found[_moment(changed)] = idle
        return found

    def _is_idle(self, node: dict[str, Any]) -> bool:
        handlers = node["status"].get("runtimeHandlers", [])
        serves = any(handler["name"].startswith("kata") for handler in handlers)
        return serves and not self._selector.items() <= node["metadata"]["labels"].items()


def _selector(runtime_class: dict[str, Any]) -> dict[str, str]:
    selector: dict[str, str] = runtime_class["scheduling"]["nodeSelector"]
    return selector


def _moment(changed: dict[str, Any]) -> int:
    return int(changed["metadata"]["resourceVersion"])
