"""The local cluster: a real control plane with simulated nodes, to be changed at will.

Owns the nodes and their behaviour. `control_plane` runs the processes, `nodes` makes the Node
objects, `behaviour` is what a kubelet does, `switches` what can be set about that. Beside the
simulated nodes there may be real ones (`real_node`).
"""

import itertools
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from sandbox import behaviour, nodes
from sandbox.control_plane import ADMIN, ControlPlane
from sandbox.errors import SandboxError
from sandbox.kube import Kube, Manifest, in_parallel
from sandbox.paths import DEFAULT_NAME, cache_dir
from sandbox.real_node.fleet import RealNodes
from sandbox.real_node.node import RealNode
from sandbox.real_node.switches import set_on_real_node
from sandbox.switches import POD_SWITCHES, is_off, key, known, set_on_node

DEFAULT_WORKERS = 24
MAX_WORKERS = 9999
_SECONDS_TO_BE_READY = 60.0
_POLL_EVERY = 0.05
_NODES = "/api/v1/nodes"
_ADMISSION = "/apis/admissionregistration.k8s.io/v1"


class Cluster:
    """A local cluster; clusters with different names run side by side."""

    def __init__(self, name: str = DEFAULT_NAME, root: Path | None = None) -> None:
        self.name = name
        self.control_plane = ControlPlane(name, root or cache_dir())
        self._real_nodes = RealNodes(self.control_plane)

    @property
    def context(self) -> str:
        """The kubeconfig context."""
        return self.control_plane.context

    @property
    def kubeconfig(self) -> Path:
        """The kubeconfig of a user with all rights."""
        return self.kubeconfig_of(ADMIN)

    @property
    def audit_log(self) -> Path:
        """The audit log: one line of JSON per answered request."""
        return self.control_plane.audit_log

    def kubeconfig_of(self, user: str) -> Path:
        """Return the kubeconfig of one of `control_plane.USERS`."""
        return self.control_plane.kubeconfig(user)

    def connect(self) -> Kube:
        """Return a connection with all rights."""
        return self.control_plane.connect()

    def start(self, workers: int | None = None) -> None:
        """Start the cluster with that number of workers; create it if it does not exist.

        By default a new cluster gets 24 workers, and an existing one keeps its nodes.

        Raises:
            SandboxError: It did not start, or the number is out of range.
        """
        if workers is not None and not 0 <= workers <= MAX_WORKERS:
            raise SandboxError(f"NODES={workers} is out of range: choose 0 to {MAX_WORKERS}")
        if self.control_plane.exists():
            self.control_plane.start()
            self._real_nodes.start()
        else:
            self.control_plane.create()
            workers = DEFAULT_WORKERS if workers is None else workers
        self._set_up()
        if workers is not None:
            self._scale(workers)
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop the processes; nodes and objects are back after the next start."""
        if self.control_plane.exists():
            self._real_nodes.stop()
            self.control_plane.stop()

    def delete(self) -> None:
        """Delete the cluster and everything in it."""
        if self.control_plane.exists():
            self._real_nodes.delete()
        self.control_plane.delete()

    def kill_apiserver(self) -> None:
        """Kill the API server as a crash would."""
        self.control_plane.kill_apiserver()

    def start_apiserver(self) -> None:
        """Start the API server again and wait until it is ready."""
        self.control_plane.start()

    def etcd_stopped(self) -> AbstractContextManager[None]:
        """Suspend etcd for the context: the API server can neither write nor read consistently."""
        return self.control_plane.stopped("etcd")

    def status(self) -> str:
        """Return the state of the cluster in one line."""
        if not self.control_plane.exists():
            return f"{self.name}: not created"
        if not self.control_plane.runs():
            return f"{self.name}: stopped"
        real = f" and {len(names)} real" if (names := self._real_nodes.names()) else ""
        return (
            f"{self.name}: running, {len(self.workers())} workers{real}, "
            f"context {self.context}, {self.kubeconfig}"
        )

    def workers(self) -> list[str]:
        """Return the names of all workers, in order."""
        with self.connect() as kube:
            names = [node["metadata"]["name"] for node in kube.get(_NODES)["items"]]
        return sorted(name for name in names if nodes.worker_number(name) is not None)

    def add_nodes(self, count: int) -> list[str]:
        """Add workers with the lowest free numbers and return their names."""
        taken = {nodes.worker_number(name) for name in self.workers()}
        free = (number for number in itertools.count(1) if number not in taken)
        numbers = list(itertools.islice(free, count))
        with self.connect() as kube:
            in_parallel(lambda number: kube.create(_NODES, nodes.worker(number)), numbers)
        self._wait_until_ready()
        return [nodes.worker_name(number) for number in numbers]

    def add_real_nodes(self, count: int) -> list[str]:
        """Add real nodes, wait until they are Ready and return their names.

        Raises:
            SandboxError: This machine cannot run a node, or one did not become Ready.
        """
        return self._real_nodes.add(count)

    def real_node(self, name: str) -> RealNode:
        """Return a real node by its name.

        Raises:
            SandboxError: There is none of that name.
        """
        return self._real_nodes.node(name)

    def remove_nodes(self, names: Sequence[str]) -> None:
        """Remove nodes, as if their machines were given back."""
        real = self._real_nodes.names()
        with self.connect() as kube:

            def remove(name: str) -> None:
                if name in real:
                    self.real_node(name).remove()
                else:
                    kube.delete(f"{_NODES}/{name}")

            in_parallel(remove, names)

    def replace_node(self, name: str) -> None:
        """Replace a node by a new machine: same name, new identity, nothing installed."""
        if name in self._real_nodes.names():
            node = self.real_node(name)
            node.remove()
            node.start()
            return
        number = nodes.worker_number(name)
        if number is None:
            raise SandboxError(
                f"{name} is not a worker; workers are named like {nodes.worker_name(1)}"
            )
        self.remove_nodes([name])
        with self.connect() as kube:
            kube.create(_NODES, nodes.worker(number))

    def behave(self, node: str, **switches: str | None) -> None:
        """Set switches of a node (`fail_times="2"`), or clear them (None), for pods created later.

        Those that change what the node reports have done so on return. A node that becomes ready
        again also starts the pods that are waiting on it.

        Raises:
            SandboxError: There is no such switch or node.
        """
        chosen = known(switches)
        with self.connect() as kube:
            if node in self._real_nodes.names():
                set_on_real_node(kube, self.real_node(node), chosen)
            else:
                set_on_node(kube, node, chosen)

    def add_kata(self, names: Sequence[str]) -> None:
        """Make nodes look as if Kata had been installed on them by other means."""
        patch = {
            "metadata": {
                "labels": {"katacontainers.io/kata-runtime": "true"},
                "annotations": {key("handlers.default"): "kata-qemu"},
            },
            "status": {"runtimeHandlers": [*nodes.RUNC, {"name": "kata-qemu"}]},
        }
        with self.connect() as kube:
            in_parallel(lambda name: kube.merge(f"{_NODES}/{name}/status", patch), names)

    def behave_all(self, namespace: str = "kube-system", **switches: str | None) -> None:
        """Set switches for all new pods of a namespace, on all nodes, or clear them (None)."""
        chosen = known(switches, POD_SWITCHES)
        annotations = {key(name): value for name, value in chosen.items()}
        with self.connect() as kube:
            kube.merge(
                f"/api/v1/namespaces/{namespace}", {"metadata": {"annotations": annotations}}
            )

    def pod_seconds(self, seconds: float | None, namespace: str = "kube-system") -> None:
        """Set how long each pod of a namespace takes from now on; None means the default."""
        self.behave_all(namespace, seconds=None if seconds is None else str(seconds))

    def _set_up(self) -> None:
        with self.connect() as kube:
            for policy in behaviour.policies():
                plural = "mutatingadmissionpolic" + (
                    "ies" if policy["kind"].endswith("Policy") else "ybindings"
                )
                kube.apply(f"{_ADMISSION}/{plural}/{policy['metadata']['name']}", policy)
            present = {node["metadata"]["name"] for node in kube.get(_NODES)["items"]}
            control_planes = map(nodes.control_plane, range(1, nodes.CONTROL_PLANES + 1))
            missing = [node for node in control_planes if node["metadata"]["name"] not in present]
            in_parallel(lambda node: kube.create(_NODES, node), missing)

    def _wait_until_ready(self) -> None:
        """Wait until all nodes are Ready, except those that are switched off."""
        began = time.monotonic()
        with self.connect() as kube:
            while True:
                present: list[Manifest] = kube.get(_NODES)["items"]
                waiting = [
                    node["metadata"]["name"]
                    for node in present
                    if not (_is_ready(node) or is_off(node))
                ]
                if not waiting:
                    return
                if time.monotonic() > began + _SECONDS_TO_BE_READY + len(present) / 10:
                    raise SandboxError(
                        f"{len(waiting)} nodes did not become Ready, among them {waiting[0]}"
                    )
                time.sleep(_POLL_EVERY + len(present) / 1000)

    def _scale(self, workers: int) -> None:
        present = self.workers()
        self.remove_nodes(present[workers:])
        self.add_nodes(max(0, workers - len(present)))


def _is_ready(node: Manifest) -> bool:
    conditions = node.get("status", {}).get("conditions", [])
    return any(
        condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions
    )
