"""The cluster of a simulated history: Jobs work on its machines, and promises are checked."""

import copy
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from math import inf
from typing import TYPE_CHECKING, Any

from kata_components import names
from kata_components.planning import node_mark
from kata_components.planning.node_mark import Mark
from tests.model import pods
from tests.model.history import Object, RefusedError
from tests.model.node_jobs import is_active, is_token_free, node_of
from tests.model.store import HOME
from tests.simulation import scheduling
from tests.simulation.hosts import Hosts, handler_of
from tests.simulation.promises import LOOKED_SECONDS, Promises

if TYPE_CHECKING:
    from tests.simulation.world import World

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
SHORTEST_JOB = 3.0
NODE_TIMEOUTS = (200, 70, 600)
GRACE = 120
"""How long after its deadline a Job may still count as active."""


class Site(Hosts):
    """The model of a cluster that other tests use too, with chance, machines and promises."""

    def __init__(self, world: "World") -> None:
        super().__init__(world)
        self._created: dict[str, float] = {}
        self.taken_until: dict[str, float] = {}
        """Names of Jobs that are taken by something that no list shows."""
        self.refused_until: dict[str, tuple[float, RefusedError]] = {}
        """Names of Jobs that admission refuses."""
        self.serving: Promises
        """The promises to the installation whose request is being served."""
        self.grace_seconds = world.setting.grace_seconds

    # What runs ask for.

    def create_job(self, namespace: str, manifest: Object) -> Object:
        made_at = f"{BEGINNING + timedelta(seconds=self._world.now):%Y-%m-%dT%H:%M:%SZ}"
        metadata = manifest["metadata"] | {"namespace": namespace, "creationTimestamp": made_at}
        name, promises = metadata["name"], self.promises_of({"metadata": metadata})
        if name not in self.namespaces[namespace].jobs:
            self._admit(namespace, name, node_of(manifest))
            own = [job for job in self.active if self.promises_of(job) is promises]
            if is_token_free(manifest):
                scheduling.may_start(self, promises, manifest, self._at_work(own))
                scheduling.may_go_on(self, promises, manifest)
            promises.before_create(manifest, own, self._at_work(own))
        made = super().create_job(namespace, manifest | {"metadata": metadata})
        self._created[made["metadata"]["uid"]] = self._world.now
        return made

    def _beside(self, job: Object) -> list[Object]:
        """Return the active Jobs on the same host that its creator had to know about.

        Nobody may list those in other namespaces. Between two suffixes there is no lock: each sees
        the other's Job once it exists, but two may be created at the same time.
        """
        namespace, promises = job["metadata"]["namespace"], self.promises_of(job)
        near = [
            other for other in super()._beside(job) if other["metadata"]["namespace"] == namespace
        ]
        return [
            other for other in near if self.promises_of(other) is promises or self._is_known(other)
        ]

    def _is_known(self, job: Object) -> bool:
        return (
            self._created.get(job["metadata"]["uid"], self._world.now)
            < self._world.now - LOOKED_SECONDS
        )

    def _rivals(self, job: Object) -> list[Object]:
        owner = {
            names.job_prefix(self.promises_of(job).suffix, stage)
            for stage in ("install", "cleanup")
        }
        inside = self.namespaces[job["metadata"]["namespace"]].pods.values()
        own = [pod for pod in inside if pod["metadata"]["labels"].get(names.OWNER_LABEL) in owner]
        return [pod for pod in super()._rivals(job) if any(pod is other for other in own)]

    def _at_work(self, jobs: list[Object]) -> int:
        """Count active Jobs, except those long past their deadline, of which nothing runs on."""
        now, created = self._world.now, self._created
        ends = (created[job["metadata"]["uid"]] + _deadline(job) + GRACE for job in jobs)
        return sum(now <= end for end in ends)

    def _admit(self, namespace: str, name: str, node: str) -> None:
        """Admit a Job.

        Raises:
            RefusedError: A quota, a webhook or a Job of the same name stands against it.
        """
        world = self._world
        if len(self.namespaces[namespace].jobs) >= world.quota:
            world.met["quota"] += 1
            text = (
                f'jobs.batch "{name}" is forbidden: exceeded quota: jobs, limited: count/jobs.batch'
            )
            raise RefusedError(403, "Forbidden", text)
        if name not in self.taken_until and world.chance(world.faults.name_taken):
            self.taken_until[name] = world.now + world.rng.choice([5.0, 60.0, inf])
        if name not in self.refused_until and world.chance(world.faults.refused):
            until = world.now + world.rng.choice([5.0, 60.0, inf])
            self.refused_until[name] = until, world.rng.choice([WEBHOOK_SAYS_NO, WEBHOOK_IS_DOWN])
        until, error = self.refused_until.get(name, (0.0, WEBHOOK_SAYS_NO))
        if world.now < until:
            world.met["refused"] += 1
            self._excuse(node)
            raise RefusedError(error.status, error.reason, str(error))
        if world.now < self.taken_until.get(name, 0.0):
            world.met["name_taken"] += 1
            self._excuse(node)
            raise RefusedError(409, "AlreadyExists")

    def _excuse(self, node: str) -> None:
        for machine in self.machines(node):
            machine.excused = True

    def delete_job(self, name: str, uid: str | None, *, namespace: str = HOME) -> None:
        job = self.namespaces[namespace].jobs.get(name)
        if job and uid in {None, job["metadata"]["uid"]}:
            promises = self.promises_of(job)
            promises.before_delete(job, self._mark_beside(job), active=is_active(job))
            if uid and self._is_held(job):
                self._excuse(node_of(job))
                return
        super().delete_job(name, uid, namespace=namespace)

    def delete_job_by_hand(self, job: Object) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        if self.namespaces[namespace].jobs.get(name) is job and not job["status"].get("succeeded"):
            # Before the mark is written, only the Job tells about its node.
            self.promises_of(job).tampered(job)
            super().delete_job(name, None, namespace=namespace)

    def _is_held(self, job: Object) -> bool:
        """Return whether a finalizer keeps a finished Job that is deleted."""
        world, metadata = self._world, job["metadata"]
        if (
            "deletionTimestamp" not in metadata
            and not is_active(job)
            and world.chance(world.faults.deletion_held)
        ):
            world.met["deletion_held"] += 1
            metadata["deletionTimestamp"] = "2026-01-01T00:00:00Z"
            self._tell("MODIFIED", job)
            world.after(world.rng.choice([3.0, 30.0, 300.0]), self._let_go, job)
        return "deletionTimestamp" in metadata

    def _let_go(self, job: Object) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        if self.namespaces[namespace].jobs.get(name) is job:
            super().delete_job(name, None, namespace=namespace)

    def let_all_go(self) -> None:
        """Remove everything that stands in the way of new Jobs."""
        self.taken_until.clear()
        self.refused_until.clear()
        for job in self.kept("jobs"):
            if "deletionTimestamp" in job["metadata"]:
                self._let_go(job)

    @property
    def failed_jobs(self) -> frozenset[str]:
        """The UIDs of the Jobs that have failed."""
        ended = (job for job in self.kept("jobs") if not is_active(job))
        return frozenset(job["metadata"]["uid"] for job in ended if not job["status"]["succeeded"])

    def patch_node(
        self,
        name: str,
        uid: str,
        *,
        annotations: Mapping[str, str | None] | None = None,
        **changes: Any,
    ) -> Object:
        seen = copy.deepcopy(self.nodes.get(name))
        patched = super().patch_node(name, uid, annotations=annotations, **changes)
        assert seen
        scheduling.may_patch(self, seen, patched)
        before = seen["metadata"]["annotations"]
        for key, value in (annotations or {}).items():
            if names.is_mark_annotation(key):
                self.serving.may_mark(name, key, node_mark.parse(before.get(key)))
                self.serving.marked(name, node_mark.parse(value))
        return patched

    # How Jobs end.

    def end_job(self, name: str, fate: Any = "succeeds", *, namespace: str = HOME) -> None:
        job = self.namespaces[namespace].jobs[name]
        super().end_job(name, fate, namespace=namespace)
        self._ended(job, ok=fate == "succeeds")

    def _conclude(self, job: Object, condition: Object) -> None:
        super()._conclude(job, condition)
        if condition["type"] == "Failed":
            if condition["reason"] == "DeadlineExceeded":
                self._ended(job, ok=False)
            self._world.after(self._world.setting.ttl_seconds, self._swept, job)

    def _swept(self, job: Object) -> None:
        if self._world.faults.any:
            self.job_swept(job)

    def job_swept(self, job: Object) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        if self.namespaces[namespace].jobs.get(name) is job:
            self._world.met["swept"] += 1
            self.promises_of(job).swept(job, self._mark_beside(job))
            super().delete_job(name, None, namespace=namespace)

    def _mark_beside(self, job: Object) -> Mark | None:
        """Return the mark of a Job's installation on its node."""
        node, key = (
            self.nodes.get(node_of(job)),
            names.mark_annotation(self.promises_of(job).suffix),
        )
        return node_mark.parse(node["metadata"]["annotations"].get(key)) if node else None

    def _ended(self, job: Object, *, ok: bool) -> None:
        cleans = job["metadata"]["labels"][names.STAGE_LABEL] == "cleanup"
        half_clean = cleans and not ok and self._world.rng.random() < 0.5
        node = self.nodes.get(node_of(job))
        promises, labels_itself = self.promises_of(job), not is_token_free(job)
        if half_clean and node and labels_itself:
            node["metadata"]["labels"].pop(names.RUNTIME_LABEL, None)
            self.node_changed(node_of(job))
        if node and cleans and (ok or half_clean) and labels_itself:
            self._unlabel_neighbours(node, promises)
        if node and half_clean:
            self.serve(node_of(job), handler_of(promises.suffix), kata=False)
        promises.ended(job, ok=ok, half_clean=half_clean)

    def _unlabel_neighbours(self, node: Object, cleaned: Promises) -> None:
        """Take note of other installations that lose their label with a cleanup.

        Without a complete mark nobody restores it.
        """
        for promises in self.promises.values():
            mark = node_mark.parse(
                node["metadata"]["annotations"].get(names.mark_annotation(promises.suffix))
            )
            machine = promises.machines.get(node["metadata"]["name"])
            if machine and promises is not cleaned and not (mark and mark.digest):
                machine.unlabelled = True

    def _end_later(self, job: Object) -> None:
        seconds, limit = self._world.job_seconds(), _deadline(job)
        self._world.after(min(seconds, limit), self._end, job, seconds > limit)

    def end_some_soon(self) -> None:
        """End some Jobs while a run still believes that they are running."""
        world = self._world
        for job in self.active:
            if world.chance(world.faults.ends_after_plan):
                world.met["ends_after_plan"] += 1
                earliest = self._created[job["metadata"]["uid"]] + SHORTEST_JOB
                world.at(max(world.now, earliest) + world.rng.random(), self._end, job)

    def _works(self, job: Object) -> bool:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        is_there = self.namespaces[namespace].jobs.get(name) is job
        return is_there and not job["status"].get("conditions")

    def _end(self, job: Object, too_slow: bool = False) -> None:
        world, node, namespace = self._world, node_of(job), job["metadata"]["namespace"]
        if not self._works(job):
            return
        world.accidents.befall(node, job)
        if not self._works(job):
            return
        own = pods.of_job(self.namespaces[namespace].pods, job)
        is_ending = any("deletionTimestamp" in pod["metadata"] for pod in own)
        if is_ending or (node in self.nodes and not self.is_ready(node)):
            if world.now > self._created[job["metadata"]["uid"]] + _deadline(job):
                # While its node is dead, nothing ends it.
                self._excuse(node)
            world.after(5.0, self._end, job, too_slow)
            return
        fails = node not in self.nodes or world.chance(world.faults.job_fails)
        if too_slow:
            self.expire_job(
                job["metadata"]["name"], namespace=namespace, waits=world.setting.patient
            )
        else:
            self.end_job(
                job["metadata"]["name"], "fails" if fails else "succeeds", namespace=namespace
            )
        if (fails or too_slow) and world.chance(world.faults.node_broken):
            self.set_ready(node, ready=False)
            world.after(world.rng.choice([30.0, 3000.0]), self._revive, node)
        world.check()

    def _revive(self, node: str) -> None:
        self.set_ready(node, ready=True)


WEBHOOK_SAYS_NO = RefusedError(
    403, "Forbidden", 'admission webhook "policy" denied the request: privileged'
)
WEBHOOK_IS_DOWN = RefusedError(500, "InternalError", "failed calling webhook: connection refused")


def _deadline(job: Object) -> int:
    seconds: int = job["spec"]["activeDeadlineSeconds"]
    return seconds
