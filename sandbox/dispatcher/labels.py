"""The two labels that a dispatcher sets on nodes, from 4.1.0 on (contract D28 to D31)."""

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.dispatcher.arguments import Arguments
from sandbox.dispatcher.errors import NodeError
from sandbox.errors import RefusedError
from sandbox.kube import Kube

_TRIES = 5
_CONFLICT = 409

Manifest = dict[str, Any]
_Labels = Mapping[str, str]
_Changes = dict[str, str | None]


class Labels:
    """The label that all installations share, and the label of the one with this suffix."""

    def __init__(self, kube: Kube, arguments: Arguments) -> None:
        self._kube = kube
        self._shared = arguments.node_label_key
        self._prefix = f"{arguments.instance_label_prefix}/"
        self._own = f"{self._prefix}{arguments.multi_install_suffix or 'default'}"

    def claim(self, node: Manifest) -> None:
        """Announce work on the node: labels that are missing become `false`."""
        self._change(
            node,
            lambda labels: {key: "false" for key in (self._shared, self._own) if key not in labels},
        )

    def demote(self, node: Manifest) -> None:
        """Announce that the installation is being removed."""

        def changes(labels: _Labels) -> _Changes:
            own: _Changes = {self._own: "false"} if self._own in labels else {}
            kept = any(value != "false" for value in self._others(labels).values())
            if kept or labels.get(self._shared, "false") == "false":
                return own
            return {**own, self._shared: "false"}

        self._change(node, changes)

    def release(self, node: Manifest) -> None:
        """Remove the labels of an installation that is gone."""

        def changes(labels: _Labels) -> _Changes:
            others = self._others(labels).values()
            gone: _Changes = {self._own: None}
            if all(value == "false" for value in others):
                gone[self._shared] = "false" if others else None
            return {key: value for key, value in gone.items() if key in labels}

        self._change(node, changes)

    def apply(self, node: Manifest, value: str) -> None:
        """Set both labels."""
        self._change(node, lambda _: {self._shared: value, self._own: value})

    def are_set(self, node: Manifest, value: str) -> bool:
        """Return whether the node has both labels with that value."""
        labels = node["metadata"].get("labels", {})
        return {labels.get(self._shared), labels.get(self._own)} == {value}

    def _others(self, labels: _Labels) -> dict[str, str]:
        return {
            key: value
            for key, value in labels.items()
            if key.startswith(self._prefix) and key != self._own
        }

    def _change(self, node: Manifest, changes: Callable[[_Labels], _Changes]) -> None:
        """Patch the labels, given those of now, if the node still has its UID; retry conflicts."""
        path = f"/api/v1/nodes/{node['metadata']['name']}"
        for _ in range(_TRIES):
            now = self._kube.get(path)["metadata"]
            if now["uid"] != node["metadata"]["uid"]:
                raise NodeError("has been replaced by another node")
            wanted = changes(now.get("labels", {}))
            guarded = {
                "uid": now["uid"],
                "resourceVersion": now["resourceVersion"],
                "labels": wanted,
            }
            try:
                if wanted:
                    self._kube.merge(path, {"metadata": guarded})
            except RefusedError as error:
                if error.status != _CONFLICT:
                    raise
            else:
                return
        raise NodeError("its labels keep changing")
