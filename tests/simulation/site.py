"""The cluster of a simulated history: Jobs work on machines, machines come and go, and promises are checked here."""

from collections.abc import Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any

from kata_components import names
from kata_components.rollout import mark as node_mark
from tests.runner.cluster import Cluster, node_of
from tests.runner.store import HOME, Object, RefusedError
from tests.simulation.promises import Machine, Promises

if TYPE_CHECKING:
    from tests.simulation.network import Watch
    from tests.simulation.world import World


SHORTEST_JOB = 3.0
NODE_TIMEOUTS = (200, 70, 600)
GRACE = 120
"""So long after its deadline a Job may still be seen as active."""


class Site(Cluster):
    """The model of a cluster that the other tests use too, with chance, machines, and promises."""

    def __init__(self, world: "World", promises: Promises) -> None:
        super().__init__()
        self._world = world
        self._created: dict[str, float] = {}
        self.taken_until: dict[str, float] = {}
        """Names of Jobs that something else has, which no list shows."""
        self.promises = promises
        self.watches: list[Watch] = []

    # Machines.

    def boot(self, name: str, kind: int, *, reimage: bool = False) -> None:
        """Start a machine under a name: a new node, or (`reimage`) the same node object on a machine made anew."""
        number = int(self._next_version())
        known = self.nodes.get(name) if reimage else None
        uid = known["metadata"]["uid"] if known else f"uid-{number}"
        if known is None:
            self.add_nodes(name)
            self.nodes[name]["metadata"]["uid"] = uid
        info = self.nodes[name]["status"]["nodeInfo"]
        info |= {"machineID": f"machine-{number}", "kernelVersion": f"6.{kind}.0"}
        machine = Machine(name, uid, f"machine-{number}", kind)
        machine.was_down = not self.is_ready(name)
        self.promises.machines[name] = machine
        for job in self.active:
            if node_of(job) == name:
                machine.swapped = True
                self.promises.touched(machine, job)

    def set_ready(self, name: str, *, ready: bool) -> None:
        if name in self.nodes:
            self.nodes[name]["status"]["conditions"] = [{"type": "Ready", "status": "True" if ready else "Unknown"}]
            self.promises.machines[name].was_down |= not ready

    def is_ready(self, name: str) -> bool:
        return bool(self.nodes[name]["status"]["conditions"][0]["status"] == "True")

    def remove_node(self, name: str) -> None:
        self.nodes.pop(name, None)
        self.promises.machines.pop(name, None)

    def job_deleted_by_somebody(self, name: str) -> None:
        job = self.jobs.get(name)
        if job and not job["status"].get("succeeded"):
            # Nothing could tell of a node whose Job is taken away before the mark is written: the next run refuses.
            self.promises.tampered(job)
            super().delete_job(name, None)

    # What runs ask for.

    def create_job(self, namespace: str, manifest: Object) -> Object:
        name = manifest["metadata"]["name"]
        if name not in self.jobs:
            self._refuse_taken(name)
            self.promises.before_create(manifest, self.active, self._at_work())
        made = super().create_job(namespace, manifest)
        self._created[made["metadata"]["uid"]] = self._world.now
        return made

    def _at_work(self) -> int:
        """Count the active Jobs less those whose deadline is long over: of those nothing runs on, dead node or not."""
        now, created = self._world.now, self._created
        ends = (created[job["metadata"]["uid"]] + _deadline(job) + GRACE for job in self.active)
        return sum(now <= end for end in ends)

    def _refuse_taken(self, name: str) -> None:
        world = self._world
        if name not in self.taken_until and world.chance(world.faults.name_taken):
            self.taken_until[name] = world.now + world.rng.choice([5.0, 60.0, inf])
        if world.now < self.taken_until.get(name, 0.0):
            world.met["name_taken"] += 1
            raise RefusedError(409, "AlreadyExists")

    def delete_job(self, name: str, uid: str | None, *, namespace: str = HOME) -> None:
        job = self.jobs.get(name)
        if job and uid in {None, job["metadata"]["uid"]}:
            self.promises.before_delete(job, active=job in self.active)
            if uid and self._is_held(job):
                return
        super().delete_job(name, uid, namespace=namespace)

    def _is_held(self, job: Object) -> bool:
        """Whether a finalizer keeps a finished Job that is deleted."""
        world, metadata = self._world, job["metadata"]
        if "deletionTimestamp" not in metadata and job not in self.active and world.chance(world.faults.deletion_held):
            world.met["deletion_held"] += 1
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            self._tell("MODIFIED", job)
            world.after(world.rng.choice([3.0, 30.0, 300.0]), self._let_go, job)
        return "deletionTimestamp" in metadata

    def _let_go(self, job: Object) -> None:
        if self.jobs.get(job["metadata"]["name"]) is job:
            super().delete_job(job["metadata"]["name"], None)

    def let_all_go(self) -> None:
        """End what stands in the way of new Jobs."""
        self.taken_until.clear()
        for job in list(self.jobs.values()):
            if "deletionTimestamp" in job["metadata"]:
                self._let_go(job)

    @property
    def failed_jobs(self) -> frozenset[str]:
        """The UIDs of the Jobs that have failed."""
        ended = (job for job in self.jobs.values() if job["status"].get("conditions"))
        return frozenset(job["metadata"]["uid"] for job in ended if not job["status"]["succeeded"])

    def annotate_node(
        self, name: str, uid: str, annotations: Mapping[str, str | None], labels: Mapping[str, str | None] | None = None
    ) -> None:
        super().annotate_node(name, uid, annotations, labels)
        if names.mark_annotation("") in annotations:
            self.promises.marked(name, node_mark.parse(annotations[names.mark_annotation("")]))

    # How Jobs end.

    def end_job(self, name: str, fate: Any = "succeeds", *, namespace: str = HOME) -> None:
        job = self.jobs[name]
        ok = fate == "succeeds"
        half_clean = not ok and self._world.rng.random() < 0.5
        super().end_job(name, fate, namespace=namespace)
        node = self.nodes.get(node_of(job))
        if half_clean and node and job["metadata"]["labels"][names.STAGE_LABEL] == "cleanup":
            node["metadata"]["labels"].pop(names.RUNTIME_LABEL, None)
        self.promises.ended(job, ok=ok, half_clean=half_clean)

    def _later(self, seconds: float, happen: Callable[..., None], *arguments: Any) -> None:
        self._world.after(seconds, happen, *arguments)

    def _end_later(self, job: Object) -> None:
        seconds, limit = self._world.job_seconds(), _deadline(job)
        name, uid = job["metadata"]["name"], job["metadata"]["uid"]
        self._world.after(min(seconds, limit), self._end, name, uid, seconds > limit)

    def end_some_soon(self) -> None:
        """End some Jobs while a run still believes that they work."""
        world = self._world
        for job in self.active:
            name, uid = job["metadata"]["name"], job["metadata"]["uid"]
            if world.chance(world.faults.ends_after_plan):
                world.met["ends_after_plan"] += 1
                world.at(max(world.now, self._created[uid] + SHORTEST_JOB) + world.rng.random(), self._end, name, uid)

    def _end(self, name: str, uid: str, too_slow: bool = False) -> None:
        job, world = self.jobs.get(name), self._world
        if job is None or job["metadata"]["uid"] != uid or job not in self.active:
            return
        node = node_of(job)
        world.accident(node, name)
        if job not in self.active or self.jobs.get(name) is not job:
            return
        if node in self.nodes and not self.is_ready(node):
            world.after(5.0, self._end, name, uid, too_slow)
            return
        fails = node not in self.nodes or too_slow or world.chance(world.faults.job_fails)
        self.end_job(name, "fails" if fails else "succeeds")
        if fails and world.chance(world.faults.node_broken):
            self.set_ready(node, ready=False)
            world.after(world.rng.choice([30.0, 3000.0]), self._revive, node)
        world.check()

    def _revive(self, node: str) -> None:
        self.set_ready(node, ready=True)

    def _wake(self) -> None:
        for watch in list(self.watches):
            watch.catch_up()


def _deadline(job: Object) -> int:
    seconds: int = job["spec"]["activeDeadlineSeconds"]
    return seconds
