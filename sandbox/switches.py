"""Switches: what a person or a test may set about a simulated kubelet.

A switch is a label of a node, or an annotation of a namespace. `behaviour` is what comes of it.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from sandbox.errors import SandboxError
from sandbox.kube import Kube, Manifest

PREFIX = "sandbox.kata-deploy"

POD_SWITCHES = (
    *("fail", "fail-times", "never-finishes", "not-ready", "seconds"),
    *("handlers-after", "handlers-gone-after", "no-handlers", "labels-again-after"),
    "not-ready-seconds",
)
"""Switches that new pods get from their node or their namespace."""

SWITCHES = (*POD_SWITCHES, "unreported", "distribution")
"""All switches of a node."""

_SHOWN: dict[str, Callable[[Manifest], bool]] = {
    "no-handlers": lambda status: "runtimeHandlers" not in status,
    "unreported": lambda status: not status["nodeInfo"]["machineID"],
    "distribution": lambda status: "+" in status["nodeInfo"]["kubeletVersion"],
}
"""Whether the status of a node shows a switch, for switches that change it at once."""

_SECONDS_TO_LEARN = 20.0
_POLL_EVERY = 0.05

Switches = Mapping[str, str | None]


def key(name: str) -> str:
    """Return the key of the label or annotation that sets a switch."""
    return f"{PREFIX}/{name}"


def known(switches: Switches, names: Sequence[str] = SWITCHES) -> dict[str, str | None]:
    """Return switches that a Python call names, as they are called elsewhere.

    Raises:
        SandboxError: There is no such switch.
    """
    found = {name.replace("_", "-"): value for name, value in switches.items()}
    if unknown := sorted(set(found) - set(names)):
        raise SandboxError(f"no such switch: {', '.join(unknown)}; choose from {', '.join(names)}")
    return found


def set_on_node(kube: Kube, node: str, switches: Switches) -> None:
    """Set switches of a node, or clear them (None), and wait until they count.

    Pods that are waiting on a node that becomes ready again are started.
    """
    path = f"/api/v1/nodes/{node}"
    before = kube.get(path)["metadata"]["labels"]
    labels = {key(name): value for name, value in switches.items()}
    # What an earlier pod has made of these switches is in annotations of the same names.
    kube.merge(path, {"metadata": {"labels": labels, "annotations": dict.fromkeys(labels)}})
    changed = {name: value for name, value in switches.items() if before.get(key(name)) != value}
    _wait_until_pods_see(kube, node, changed)
    _wait_until_node_shows(kube, path, changed)
    if switches.get("not-ready", "true") != "true":
        _start_waiting_pods(kube, node)


def is_off(node: Manifest) -> bool:
    """Whether a node is NotReady because it shall be."""
    return bool(node["metadata"].get("labels", {}).get(key("not-ready")) == "true")


def _wait_until_pods_see(kube: Kube, node: str, switches: Switches) -> None:
    """Wait until the admission policy copies these switches: it sees a new label with a delay."""
    namespace = "/api/v1/namespaces/kube-system"
    general = kube.get(namespace)["metadata"].get("annotations", {})
    expected = {
        key(name): value or general.get(key(name))
        for name, value in switches.items()
        if name in POD_SWITCHES
    }
    container = {"name": "probe", "image": "none"}
    probe = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "sandbox-probe"},
        "spec": {
            "nodeName": node,
            "automountServiceAccountToken": False,
            "containers": [container],
        },
    }

    def seen() -> bool:
        made = kube.create(f"{namespace}/pods", probe, dryRun="All")
        annotations = made["metadata"].get("annotations", {})
        return all(annotations.get(name) == value for name, value in expected.items())

    if expected:
        _wait(seen, f"pods on {node} do not see {expected}")


def _wait_until_node_shows(kube: Kube, path: str, switches: Switches) -> None:
    """Wait until the kubelet reports what these switches ask for."""
    expected = {name: value is not None for name, value in switches.items() if name in _SHOWN}

    def shown() -> bool:
        status = kube.get(path)["status"]
        return all(_SHOWN[name](status) == value for name, value in expected.items())

    if expected:
        _wait(shown, f"{path} does not show {expected}")


def _wait(holds: Callable[[], bool], failure: str) -> None:
    deadline = time.monotonic() + _SECONDS_TO_LEARN
    while not holds():
        if time.monotonic() > deadline:
            raise SandboxError(f"{failure} after {_SECONDS_TO_LEARN} s")
        time.sleep(_POLL_EVERY)


def _start_waiting_pods(kube: Kube, node: str) -> None:
    pods: list[Manifest] = kube.get("/api/v1/pods", fieldSelector=f"spec.nodeName={node}")["items"]
    patch = {"metadata": {"annotations": {key("not-ready"): None}}}
    for pod in (pod["metadata"] for pod in pods):
        kube.merge(f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}", patch)
