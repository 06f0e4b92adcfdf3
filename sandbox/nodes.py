"""Makes Node objects as a kubelet registers them: a mixed fleet, each machine with an identity."""

import secrets
import uuid
from dataclasses import dataclass
from typing import Any

from sandbox.tools.catalog import KUBERNETES_VERSION

CONTROL_PLANES = 3
SIMULATED = ("kwok.x-k8s.io/node", "fake")
"""The annotation of nodes whose kubelet is simulated."""
RUNC = [
    {"name": name, "features": {"recursiveReadOnlyMounts": True, "userNamespaces": True}}
    for name in ("", "runc")
]
"""`status.runtimeHandlers` of a node without Kata; the default handler has no name."""

_ZONES = ("a", "b", "c")
_REGION = "local-1"
_CONTROL_PLANE_ROLE = "node-role.kubernetes.io/control-plane"


@dataclass(frozen=True)
class System:
    """What runs on a machine, in the words of `status.nodeInfo`."""

    os_image: str
    kernel: str
    container_runtime: str


UBUNTU = System("Ubuntu 24.04.3 LTS", "6.8.0-90-generic", "containerd://2.2.1")
FLATCAR = System(
    "Flatcar Container Linux by Kinvolk 4459.2.2", "6.12.61-flatcar", "containerd://2.1.5"
)


def worker_name(number: int) -> str:
    """Return the name of the worker with that number, counted from 1."""
    return f"worker-{number:04}"


def worker_number(name: str) -> int | None:
    """Return the number in a worker's name, None for any other node."""
    prefix, _, number = name.rpartition("-")
    return int(number) if prefix == "worker" and number.isdigit() else None


def worker(number: int) -> dict[str, Any]:
    """Return a worker: zones in turn, every fourth one arm64, every third one Flatcar."""
    architecture = "arm64" if number % 4 == 0 else "amd64"
    system = FLATCAR if number % 3 == 0 else UBUNTU
    return _node(worker_name(number), number, architecture, system)


def control_plane(number: int) -> dict[str, Any]:
    """Return a control-plane node with the usual label and taint."""
    node = _node(f"control-plane-{number}", number, "amd64", UBUNTU)
    node["metadata"]["labels"][_CONTROL_PLANE_ROLE] = ""
    node["spec"]["taints"] = [{"key": _CONTROL_PLANE_ROLE, "effect": "NoSchedule"}]
    return node


def _node(name: str, number: int, architecture: str, system: System) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": dict([SIMULATED]) | {"node.alpha.kubernetes.io/ttl": "0"},
            "labels": _labels(name, number, architecture),
        },
        "spec": {"providerID": f"kwok://{name}"},
        "status": _status(architecture, system),
    }


def _labels(name: str, number: int, architecture: str) -> dict[str, str]:
    kind = "arm" if architecture == "arm64" else "std"
    return {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": architecture,
        "kubernetes.io/os": "linux",
        "beta.kubernetes.io/arch": architecture,
        "beta.kubernetes.io/os": "linux",
        "node.kubernetes.io/instance-type": f"{kind}-8",
        "topology.kubernetes.io/region": _REGION,
        "topology.kubernetes.io/zone": f"{_REGION}{_ZONES[number % len(_ZONES)]}",
    }


def _status(architecture: str, system: System) -> dict[str, Any]:
    capacity = {
        "cpu": "8",
        "memory": "32782372Ki",
        "ephemeral-storage": "101430960Ki",
        "pods": "110",
    }
    return {
        "capacity": capacity,
        "allocatable": {**capacity, "cpu": "7910m", "memory": "29990436Ki"},
        "nodeInfo": {
            "architecture": architecture,
            "bootID": str(uuid.uuid4()),
            "containerRuntimeVersion": system.container_runtime,
            "kernelVersion": system.kernel,
            "kubeProxyVersion": "",
            "kubeletVersion": KUBERNETES_VERSION,
            "machineID": secrets.token_hex(16),
            "operatingSystem": "linux",
            "osImage": system.os_image,
            "systemUUID": str(uuid.uuid4()),
        },
        "runtimeHandlers": RUNC,
    }
