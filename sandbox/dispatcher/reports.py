"""What a dispatcher records about nodes, from 0.3.0 on: on the node itself and as an Event.

It needs more rights for that. Without them it says so once, and a run ends as it would have. The
program also reports Jobs that have been pending for two minutes; this double does not.
"""

import sys
from datetime import UTC, datetime
from typing import Any

from sandbox.dispatcher.arguments import Arguments
from sandbox.errors import RefusedError
from sandbox.kube import Kube

_EVENTS = "/api/v1/namespaces/default/events"
"""Events of objects without a namespace have to be here."""
_SUCCEEDED = "the node's Job completed"

Manifest = dict[str, Any]


class Reports:
    """The results of one run."""

    def __init__(self, kube: Kube, arguments: Arguments) -> None:
        self._kube = kube
        self._program = arguments.program
        self._prefix = arguments.tracking_label_prefix
        self._cleans = arguments.remove_node_label
        self._refused = False

    def succeeded(self, node: Manifest) -> None:
        """Record success; after a cleanup, remove what has been recorded before."""
        self._record(node, None if self._cleans else "succeeded")
        self._event(node, "Normal", "JobSucceeded", _SUCCEEDED)

    def failed(self, node: Manifest, reason: str) -> None:
        """Record a failure."""
        self._record(node, "failed", reason)
        self._event(node, "Warning", "JobFailed", reason)

    def _record(self, node: Manifest, result: str | None, error: str | None = None) -> None:
        annotations = {
            f"{self._prefix}/error": error,
            f"{self._prefix}/finished-at": _now() if result else None,
        }
        metadata = {
            "uid": node["metadata"]["uid"],
            "labels": {f"{self._prefix}/result": result},
            "annotations": annotations,
        }
        try:
            self._kube.merge(f"/api/v1/nodes/{_name(node)}", {"metadata": metadata})
        except RefusedError as refusal:
            self._say_once(refusal)

    def _event(self, node: Manifest, kind: str, reason: str, message: str) -> None:
        name, now = _name(node), _now()
        event = {
            "metadata": {"generateName": f"{name}."},
            "involvedObject": {
                "apiVersion": "v1",
                "kind": "Node",
                "name": name,
                "uid": node["metadata"]["uid"],
            },
            "type": kind,
            "reason": reason,
            "message": message,
            "source": {"component": self._program, "host": name},
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
        }
        try:
            self._kube.create(_EVENTS, event)
        except RefusedError as refusal:
            self._say_once(refusal)

    def _say_once(self, refusal: RefusedError) -> None:
        if not self._refused:
            print(f"{self._program}: a result is not recorded: {refusal}", file=sys.stderr)
        self._refused = True


def _name(node: Manifest) -> str:
    return str(node["metadata"]["name"])


def _now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
