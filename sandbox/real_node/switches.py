"""Switches of a real node: what its programs read, and whether its kubelet runs."""

from sandbox.kube import Kube, Manifest
from sandbox.real_node.node import RealNode
from sandbox.switches import Switches, key, known

REAL_SWITCHES = ("fail", "fail-times", "never-finishes", "seconds", "not-ready")

_FOLDER = "etc/containerd/sandbox"
"""Where the double of the node program looks for a file for each switch."""


def set_on_real_node(kube: Kube, node: RealNode, switches: Switches) -> None:
    """Set switches of a running real node, or clear them (None).

    Raises:
        SandboxError: Only simulated nodes have such a switch.
    """
    chosen = known({name: value for name, value in switches.items() if value}, REAL_SWITCHES)
    path = f"/api/v1/nodes/{node.name}"
    labels = {key(name): chosen.get(name) for name in switches}
    kube.merge(path, {"metadata": {"labels": labels}})
    for name in switches:
        if name == "not-ready":
            _run_kubelet(kube, node, path, runs=chosen.get(name) != "true")
        elif name in REAL_SWITCHES:
            _write(node, name, chosen.get(name))


def _write(node: RealNode, name: str, value: str | None) -> None:
    file = node.root / _FOLDER / name
    if value is None:
        file.unlink(missing_ok=True)
    else:
        file.parent.mkdir(exist_ok=True)
        file.write_text(value, encoding="utf-8")


def _run_kubelet(kube: Kube, node: RealNode, path: str, *, runs: bool) -> None:
    if runs:
        node.run("systemctl", "start", "kubelet")
        node.wait_until_ready()
    else:
        node.run("systemctl", "stop", "kubelet")
        conditions = map(_unknown, kube.get(path)["status"]["conditions"])
        kube.merge(f"{path}/status", {"status": {"conditions": list(conditions)}})


def _unknown(condition: Manifest) -> Manifest:
    """Return what the node controller makes of a condition when a kubelet is silent.

    It would do so itself in 13 minutes: its patience is set for thousands of simulated kubelets.
    """
    silent = {"reason": "NodeStatusUnknown", "message": "Kubelet stopped posting node status."}
    return condition | {"status": "Unknown"} | silent
