"""The per-node Jobs on which the pacer decides, as lists and watch events have shown them. Pure."""

from collections.abc import Iterable, Iterator
from math import inf
from typing import Final

from kata_components.planning.node_jobs import JobKind, NodeJob
from kata_components.planning.step import Step

_GRACE_SECONDS: Final = 120.0
"""How long after its deadline a Job may take to be reported as failed by the Job controller."""


class JobTracker:
    """Active Jobs of all kinds by node, and the last finished one of the paced kind.

    Those of other installations are tracked while they are active: two Jobs must not work on one
    host, but theirs take no slot.

    `kind` and `digest` are those of the Jobs that this run creates, `node_timeout_seconds` is their
    deadline. A Job that is still active long after its deadline, counted from when it was first
    seen, is overdue: nothing of it still runs, but its node is dead and cannot report it. The
    run that created it may have given it more time than this one does. Only a list requested after
    that time proves it: a watch may have missed the Job's end.
    """

    def __init__(self, kind: JobKind, digest: str, node_timeout_seconds: float) -> None:
        self._kind = kind
        self._digest = digest
        self._node_timeout_seconds = node_timeout_seconds
        self._overdue_at: dict[str, float] = {}
        self._listed_at = -inf
        """When the last list was requested."""
        self._active: dict[str, dict[str, NodeJob]] = {}
        self._finished: dict[str, NodeJob] = {}
        self._deleted: set[str] = set()

    def replace(self, now: float, jobs: Iterable[NodeJob], requested_at: float) -> None:
        """Replace everything by a complete list."""
        self._listed_at = requested_at
        known = self._overdue_at
        self._overdue_at = {}
        self._active.clear()
        self._finished.clear()
        for job in jobs:
            if job.active and job.uid in known:
                self._overdue_at[job.uid] = known[job.uid]
            self.put(now, job)

    def put(self, now: float, job: NodeJob) -> None:
        """Add or update a Job. A deleted one may still be in an older answer: ignored."""
        if self.is_deleted(job):
            return
        if job.active:
            self._active.setdefault(job.node, {})[job.uid] = job
            limit = max(self._node_timeout_seconds, job.deadline_seconds)
            self._overdue_at.setdefault(job.uid, now + limit + _GRACE_SECONDS)
            return
        self._remove_active(job)
        if job.kind == self._kind and not job.foreign:
            self._finished[job.node] = job

    def remove(self, job: NodeJob) -> None:
        """Remove a Job that was deleted."""
        self._remove_active(job)
        self.forget(job.node, job.uid)

    def forget(self, node: str, uid: str) -> None:
        """Remove a finished Job that was deleted."""
        self._deleted.add(uid)
        finished = self._finished.get(node)
        if finished and finished.uid == uid:
            del self._finished[node]

    def is_deleted(self, job: NodeJob) -> bool:
        """Whether that very Job is known to be deleted."""
        return job.uid in self._deleted

    def is_ours(self, job: NodeJob, step: Step) -> bool:
        """Whether a Job does what this run wants, on the machine of the step."""
        return not job.foreign and step.is_served_by(job, self._kind, self._digest)

    @property
    def all(self) -> list[NodeJob]:
        """The installation's active Jobs, and the finished ones of the paced kind."""
        return [*(job for job in self._all_active if not job.foreign), *self._finished.values()]

    def is_active_on(self, node: str) -> bool:
        """Whether any Job is active on that host."""
        return node in self._active

    def finished_on(self, node: str) -> NodeJob | None:
        """Return the finished Job of the paced kind, if there is one."""
        return self._finished.get(node)

    def in_flight(self, holders: Iterable[str]) -> int:
        """Return how many Jobs are active and not overdue, or about to be on these slot holders."""
        working = {job.node for job in self._all_active if not job.foreign}
        return len(self._in_time()) + sum(1 for node in holders if node not in working)

    def elsewhere(self, holders: Iterable[str]) -> int:
        """Return how many Jobs are active and not overdue on nodes that hold no slot."""
        holding = set(holders)
        return sum(job.node not in holding for job in self._in_time())

    def overdue(self) -> list[NodeJob]:
        """Return the active Jobs that are overdue."""
        if self._listed_at < min(self._overdue_at.values(), default=inf):
            return []
        return [job for job in self._all_active if self._is_overdue(job)]

    @property
    def next_overdue(self) -> float:
        """When the next active Job is overdue if a list still has it, infinity if none will be."""
        return min((at for at in self._overdue_at.values() if at > self._listed_at), default=inf)

    @property
    def _all_active(self) -> Iterator[NodeJob]:
        return (job for of_node in self._active.values() for job in of_node.values())

    def _in_time(self) -> list[NodeJob]:
        """Return the installation's active Jobs that are not overdue."""
        return [job for job in self._all_active if not job.foreign and not self._is_overdue(job)]

    def _is_overdue(self, job: NodeJob) -> bool:
        return self._overdue_at[job.uid] <= self._listed_at

    def _remove_active(self, job: NodeJob) -> None:
        of_node = self._active.get(job.node, {})
        of_node.pop(job.uid, None)
        self._overdue_at.pop(job.uid, None)
        if not of_node:
            self._active.pop(job.node, None)
