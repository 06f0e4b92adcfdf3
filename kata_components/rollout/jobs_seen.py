"""The per-node Jobs as lists and watch events have shown them."""

from collections.abc import Iterable

from kata_components.rollout.jobs import NodeJob, Stage
from kata_components.rollout.plan import Step


class JobsSeen:
    """Active Jobs of all stages by node, and the last finished one of the paced stage.

    `stage` and `digest` are those of the Jobs that this run makes. A Job that is still active `patience` seconds after
    it was first seen is overdue: its deadline is long over, so nothing of it runs any more, but its node is dead and
    cannot say so.
    """

    def __init__(self, stage: Stage, digest: str, patience: float) -> None:
        self._stage = stage
        self._digest = digest
        self._patience = patience
        self._since: dict[str, float] = {}
        self._active: dict[str, dict[str, NodeJob]] = {}
        self._finished: dict[str, NodeJob] = {}
        self._deleted: set[str] = set()

    def replace(self, now: float, jobs: Iterable[NodeJob]) -> None:
        """Take a complete list."""
        since = self._since
        self._since = {}
        self._active.clear()
        self._finished.clear()
        for job in jobs:
            self.put(since.get(job.uid, now), job)

    def put(self, now: float, job: NodeJob) -> None:
        """Take one Job as it is now. One that was deleted here may still turn up in an older answer: ignored."""
        if self.is_deleted(job):
            return
        if job.active:
            self._active.setdefault(job.node, {})[job.uid] = job
            self._since.setdefault(job.uid, now)
            return
        self._remove_active(job)
        if job.stage == self._stage:
            self._finished[job.node] = job

    def remove(self, job: NodeJob) -> None:
        """Take the deletion of a Job."""
        self._remove_active(job)
        self.forget(job.node, job.uid)

    def forget(self, node: str, uid: str) -> None:
        """Take the deletion of a finished Job by its UID."""
        self._deleted.add(uid)
        finished = self._finished.get(node)
        if finished and finished.uid == uid:
            del self._finished[node]

    def is_deleted(self, job: NodeJob) -> bool:
        """Whether that very Job is known to be gone."""
        return job.uid in self._deleted

    def is_ours(self, job: NodeJob, step: Step) -> bool:
        """Whether it does what this run wants, on the machine that the step is about."""
        of_machine = job.may_be_of(step.node_uid, step.machine_id)
        return of_machine and job.stage == self._stage and job.digest == self._digest

    @property
    def all(self) -> list[NodeJob]:
        """The active Jobs, and the finished ones of the paced stage."""
        active = (job for of_node in self._active.values() for job in of_node.values())
        return [*active, *self._finished.values()]

    def is_active_on(self, node: str) -> bool:
        """Whether any Job works on that host."""
        return node in self._active

    def finished_on(self, node: str) -> NodeJob | None:
        """Return the finished Job of the paced stage, if there is one."""
        return self._finished.get(node)

    def in_flight(self, now: float, holders: Iterable[str]) -> int:
        """Return how many Jobs are active, overdue ones apart, or about to be on the nodes that hold a slot."""
        active = len(self._since) - len(self.overdue(now))
        return active + sum(1 for node in holders if node not in self._active)

    def overdue(self, now: float) -> list[NodeJob]:
        """Return the active Jobs that are overdue."""
        if now - min(self._since.values(), default=now) <= self._patience:
            return []
        active = (job for of_node in self._active.values() for job in of_node.values())
        return [job for job in active if now - self._since[job.uid] > self._patience]

    def _remove_active(self, job: NodeJob) -> None:
        of_node = self._active.get(job.node, {})
        of_node.pop(job.uid, None)
        self._since.pop(job.uid, None)
        if not of_node:
            self._active.pop(job.node, None)
