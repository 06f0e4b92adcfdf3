"""The machines of a simulated history: they come and go, and their labels change."""

import copy
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from kata_components import names
from tests.model.cluster import Cluster
from tests.model.history import Object
from tests.model.kubelet import NEVER
from tests.model.node_jobs import node_of
from tests.simulation.kubelets import CANARY_SECONDS, READY_SECONDS, Kubelets
from tests.simulation.machine import Machine
from tests.simulation.promises import Promises

if TYPE_CHECKING:
    from tests.simulation.world import World


def handler_of(suffix: str) -> str:
    """Return the name of an installation's handler in the container runtime."""
    return names.suffixed("kata-qemu", suffix)


def is_of_kata(label: str) -> bool:
    """Return whether Kata's pods are scheduled by that label."""
    return label == names.RUNTIME_LABEL or names.is_instance_label(label)


POOL = "pool"
"""The label that selects nodes, with the value `kata`."""


class Hosts(Cluster):
    """The nodes of the cluster, and what each installation should know about them."""

    def __init__(self, world: "World") -> None:
        super().__init__()
        self._world = world
        self.kinds: dict[str, int] = {}
        self._machine_ids: dict[str, str] = {}
        self.kubelets = Kubelets(world)
        self.promises: dict[tuple[str, str], Promises] = {}
        """The promises to each installation, by namespace and suffix."""

    def watched_by(self, promises: Promises) -> None:
        """Begin to check the promises to one more installation."""
        self.promises[promises.namespace, promises.suffix] = promises
        for name, node in self.nodes.items():
            promises.machines[name] = Machine(
                name, node["metadata"]["uid"], self._machine_ids[name], self.kinds[name]
            )

    def machines(self, name: str) -> list[Machine]:
        """Return what each installation should know about a machine."""
        found = (promises.machines.get(name) for promises in self.promises.values())
        return [machine for machine in found if machine]

    def boot(self, name: str, kind: int, *, reimage: bool = False) -> None:
        """Start a machine: a new node, or (`reimage`) a new machine under the same Node object."""
        self.kinds[name] = kind
        number = int(self._next_version())
        known = copy.deepcopy(self.nodes.get(name)) if reimage else None
        if known is None:
            taint, taints = self._world.setting.startup_taint, []
            if taint:
                taints = [{"key": taint, "effect": "NoSchedule"}]
            self.add_nodes(name, labels={POOL: "kata"}, taints=taints)
            self.nodes[name]["metadata"]["uid"] = f"uid-{number}"
        uid = self.nodes[name]["metadata"]["uid"]
        self._machine_ids[name] = f"machine-{number}"
        self._forget_restart(name)
        status = self.nodes[name]["status"]
        status.pop("runtimeHandlers", None)
        status |= self.kubelets.status(name, f"machine-{number}", kind)
        if known:
            self.ordering.machine_replaced(known, self.nodes[name])
        self.node_changed(name)
        if facts := self.kubelets.unreported(name):
            self._world.after(self._world.rng.choice([5.0, 60.0, 600.0]), self._report, name, facts)
        for promises in self.promises.values():
            machine = Machine(name, uid, f"machine-{number}", kind)
            before = promises.machines.get(name) if known else None
            if before:
                before.gone = True
                machine.not_ready_since = before.not_ready_since
                machine.deselected_since = before.deselected_since
                machine.selected_since = before.selected_since
                # Without handlers in the status, the label looks as if the new machine had Kata.
                machine.kept_label = before.kept_label
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
                self.ordering.job_goes_on(job, self.nodes[name])
                if not self.at_work(name):
                    self._add_pod(job)

    def _report(self, name: str, facts: Object) -> None:
        if name in self.nodes and self.kubelets.unreported(name) is facts:
            self.nodes[name]["status"]["nodeInfo"] |= self.kubelets.reported(name)
            self.node_changed(name)

    def _forget_restart(self, name: str) -> None:
        """Let nothing happen any more that was to follow an earlier restart of the runtime."""
        self.nodes[name] = dict(self.nodes[name])

    def _change_node(self, job: Object, *, succeeded: bool) -> None:
        name = node_of(job)
        if succeeded:
            self._forget_restart(name)
            kubelet = self._kubelets[name] = self.kubelets.behind(job)
            if not kubelet.serves or kubelet.not_ready_seconds > READY_SECONDS:
                for machine in self.machines(name):
                    machine.excused = True
            is_shown = (kubelet.handlers_after or NEVER) < CANARY_SECONDS
            self.promises_of(job).machines[name].misleads = is_shown and not kubelet.serves
        super()._change_node(job, succeeded=succeeded)

    def recover(self) -> None:
        """Let all nodes report what they are and what they serve."""
        for name in self.nodes:
            self.nodes[name]["status"]["nodeInfo"] |= self.kubelets.reported(name)
            for promises in self.promises.values():
                machine = promises.machines[name]
                machine.misleads = False
                if machine.installed:
                    self.serve(name, handler_of(promises.suffix), kata=True)
            self.node_changed(name)

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
            # It may take longer to be Ready behind its Job than it has.
            machine.excused |= self._world.setting.token_free and not ready
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
        self.node_changed(name)
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
        if self._world.setting.tells_handlers:
            self._publish(name, {handler}, {handler} if kata else ())

    def serves(self, name: str, handler: str) -> bool:
        """Return whether a node reports a handler, or none at all."""
        handlers = self.nodes[name]["status"].get("runtimeHandlers")
        return handlers is None or any(h["name"] == handler for h in handlers)

    def shows_kata(self, name: str) -> bool:
        """Return whether a node reports a handler of Kata, or no handlers at all."""
        handlers = self.nodes[name]["status"].get("runtimeHandlers")
        return handlers is None or any(handler["name"].startswith("kata") for handler in handlers)

    def lose_label(self, name: str) -> None:
        """Remove Kata's label from a node, or set it to false, as controllers and people do."""
        world, labels = self._world, self.nodes[name]["metadata"]["labels"]
        lost, paces = names.RUNTIME_LABEL, any(process.paces for process in world.processes)
        if world.setting.token_free:
            if world.processes and any(machine.foreign for machine in self.machines(name)):
                # A node is adopted as it was planned, and the label is all that it was planned by.
                return
            own = [key for key, value in labels.items() if is_of_kata(key) and value == "true"]
            lost = world.rng.choice(own) if own else ""
        if labels.pop(lost, None) is None:
            return
        world.met["label_lost"] += 1
        # Whoever paces may be about to create a Job, and relies on the label being there.
        if world.rng.random() < 0.5 or (world.setting.token_free and paces):
            labels[lost] = "false"
        self.node_changed(name)
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

    def now(self) -> float:
        """Return the world's time."""
        return self._world.now
