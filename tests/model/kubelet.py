"""How kubelets behave: what they report, and what follows a Job that changed the runtime."""

from collections.abc import Collection
from dataclasses import dataclass
from math import inf

from tests.model.history import Object

NEVER = inf
RUNC = ({"name": ""}, {"name": "runc"})
"""The handlers of a container runtime without Kata."""


@dataclass(frozen=True, kw_only=True)
class Kubelet:
    """The behaviour of one kubelet; seconds count from the success of a Job on its node."""

    handlers_after: float | None = None
    """When it publishes the handlers that its container runtime serves by then; `NEVER` possible.

    None: it publishes none at any time, as before Kubernetes 1.30.
    """
    serves: bool = True
    """Whether its container runtime serves Kata after an install; otherwise never again."""
    not_ready_seconds: float = 0.0
    """How long it is NotReady, `NEVER` for ever."""
    labels_again_after: tuple[float, ...] = ()
    """When it registers again the labels of Kata that the node had at the success of an install.

    Kubelets of k3s and rke2 do that; see `version`.
    """
    version: str = "v1.34.1"
    """`v1.34.1+k3s1` for one of k3s."""
    reports: bool = True
    """Whether it reports machine ID and container runtime; `Nodes.report` makes up for it."""

    def status(self, name: str, *, ready: bool = True) -> Object:
        """Return the status of a new node."""
        info = {"architecture": "amd64", "kubeletVersion": self.version}
        facts = self.facts(name) if self.reports else {}
        handlers = [dict(handler) for handler in RUNC]
        return {
            "conditions": [{"type": "Ready", "status": "True" if ready else "Unknown"}],
            "nodeInfo": info | facts,
            **({} if self.handlers_after is None else {"runtimeHandlers": handlers}),
        }

    @staticmethod
    def facts(name: str) -> dict[str, str]:
        """Return what it reports of the machine."""
        return {
            "machineID": f"machine-{name}",
            "containerRuntimeVersion": "containerd://2.1.4",
        }


def serves(node: Object, handlers: Collection[str]) -> bool:
    """Return whether a node is Ready and publishes one of the handlers, or none at all."""
    status = node["status"]
    ready = {"type": "Ready", "status": "True"}
    is_ready = any(ready.items() <= condition.items() for condition in status["conditions"])
    published = status.get("runtimeHandlers")
    return is_ready and (
        published is None or any(handler["name"] in handlers for handler in published)
    )
