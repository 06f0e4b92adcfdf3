"""The machines of a simulated history: they come and go, and their labels change."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kata_components import names
from tests.model.cluster import Cluster
from tests.model.node_jobs import node_of
from tests.simulation.machine import Machine
from tests.simulation.promises import Promises

if TYPE_CHECKING:
    from tests.simulation.world import World


def handler_of(suffix: str) -> str:
    """Return the name of an installation's handler in the container runtime."""
    return names.suffixed("kata-qemu", suffix)


POOL = "pool"
"""The label that selects nodes, with the value `kata`."""


class Hosts(Cluster):
    """The nodes of the cluster, and what each installation should know about them."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world
        self.kinds: dict[str, int] = {}
        self.promises: dict[tuple[str, str], Promises] = {}
        """The promises to each installation, by namespace and suffix."""

    def watched_by(self, promises: Promises) -> None:
        """Begin to check the promises to one more installation."""
        self.promises[promises.namespace, promises.suffix] = promises
        for name, node in self.nodes.items():
            machine_id = node["status"]["nodeInfo"]["machineID"]
            promises.machines[name] = Machine(
                name, node["metadata"]["uid"], machine_id, self.kinds[name]
            )

    def machines(self, name: str) -> list[Machine]:
        """Return what each installation should know about a machine."""
        found = (promises.machines.get(name) for promises in self.promises.values())
        return [machine for machine in found if machine]

    def boot(self, name: str, kind: int, *, reimage: bool = False) -> None:
        """Start a machine: a new node, or (`reimage`) a new machine under the same Node object."""
        self.kinds[name] = kind
        number = int(self._next_version())
        known = self.nodes.get(name) if reimage else None
        if known is None:
            self.add_nodes(name, labels={POOL: "kata"})
            self.nodes[name]["metadata"]["uid"] = f"uid-{number}"
        uid = self.nodes[name]["metadata"]["uid"]
        info = self.nodes[name]["status"]["nodeInfo"]
        info |= {"machineID": f"machine-{number}", "kernelVersion": f"6.{kind}.0"}
        self.nodes[name]["status"].pop("runtimeHandlers", None)
        self.serve(name, "runc", kata=True)
        for promises in self.promises.values():
            machine = Machine(name, uid, f"machine-{number}", kind)
            before = promises.machines.get(name) if known else None
            if before:
                before.gone = True
                machine.not_ready_since = before.not_ready_since
                machine.deselected_since = before.deselected_since
                machine.selected_since = before.selected_since
                # Without handlers in the status, the label looks as if the new machine had Kata.
                machine.foreign = before.foreign and not self._world.setting.tells_handlers
            machine.was_down, machine.excused = (
                not self.is_ready(name),
                known is not None or name in promises.lost,
            )
            promises.machines[name] = machine
        for job in self.active:
            if node_of(job) == name:
                promises = self.promises_of(job)
                promises.machines[name].swapped = True
                promises.touched(promises.machines[name], job)
                if not self.at_work(name):
                    self._add_pod(job)

    def promises_of(self, job: Any) -> Promises:
        """Return the promises of the installation that a Job belongs to."""
        stage = job["metadata"]["labels"][names.STAGE_LABEL]
        owner = job["metadata"]["labels"][names.OWNER_LABEL]
        of_suffix = {
            names.job_prefix(suffix, stage): (ns, suffix) for ns, suffix in self._near(job)
        }
        return self.promises[of_suffix[owner]]

    def _near(self, job: Any) -> list[tuple[str, str]]:
        namespace = job["metadata"].get("namespace", "")
        return [key for key in self.promises if key[0] == namespace]

    def set_ready(self, name: str, *, ready: bool) -> None:
        if name not in self.nodes:
            return
        super().set_ready(name, ready=ready)
        for machine in self.machines(name):
            machine.was_down |= not ready
            if ready:
                machine.not_ready_since = None
            elif machine.not_ready_since is None:
                machine.not_ready_since = self._world.now

    def is_ready(self, name: str) -> bool:
        return bool(self.nodes[name]["status"]["conditions"][0]["status"] == "True")

    def select(self, name: str, *, selected: bool) -> None:
        if name not in self.nodes:
            return
        self.nodes[name]["metadata"]["labels"][POOL] = "kata" if selected else "other"
        now = self._world.now
        for machine in self.machines(name):
            if selected:
                machine.deselected_since = None
                machine.selected_since = (
                    now if machine.selected_since is None else machine.selected_since
                )
            else:
                machine.selected_since = None
                machine.deselected_since = (
                    now if machine.deselected_since is None else machine.deselected_since
                )

    def is_selected(self, name: str) -> bool:
        return bool(self.nodes[name]["metadata"]["labels"].get(POOL) == "kata")

    def serve(self, name: str, handler: str, *, kata: bool) -> None:
        """Add a handler to a machine's container runtime, or remove it (`kata` False)."""
        status = self.nodes[name]["status"]
        others = [
            h for h in status.get("runtimeHandlers", [{"name": "runc"}]) if h["name"] != handler
        ]
        if self._world.setting.tells_handlers:
            status["runtimeHandlers"] = [*others, {"name": handler}] if kata else others

    def shows_kata(self, name: str) -> bool:
        """Return whether a node reports a handler of Kata, or no handlers at all."""
        handlers = self.nodes[name]["status"].get("runtimeHandlers")
        return handlers is None or any(handler["name"].startswith("kata") for handler in handlers)

    def lose_label(self, name: str) -> None:
        """Remove Kata's label from a node, or set it to false, as controllers and people do."""
        labels = self.nodes[name]["metadata"]["labels"]
        if labels.pop(names.RUNTIME_LABEL, None) is None:
            return
        self._world.met["label_lost"] += 1
        if self._world.rng.random() < 0.5:
            labels[names.RUNTIME_LABEL] = "false"
        for machine in self.machines(name):
            machine.unlabelled = True

    def remove_node(self, name: str) -> None:
        super().remove_node(name)
        for promises in self.promises.values():
            if gone := promises.machines.pop(name, None):
                gone.gone = True
                if gone.failed or gone.failed_before_cleanup or gone.excused:
                    promises.lost.add(name)
        for inside in self.namespaces.values():
            for pod in list(inside.pods.values()):
                if pod["spec"]["nodeName"] == name:
                    self._remove_pod(inside, pod)

    def _later(self, seconds: float, happen: Callable[..., None], *arguments: Any) -> None:
        self._world.after(seconds, happen, *arguments)

    def _now(self) -> float:
        return self._world.now
