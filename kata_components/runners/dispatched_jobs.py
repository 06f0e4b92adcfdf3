"""The Jobs of one installation, as a list and a watch show them: dispatchers and per-node Jobs."""

from typing import Literal

from kata_components import names
from kata_components.kubernetes.objects import Job
from kata_components.planning import node_jobs
from kata_components.planning.node_jobs import JOB_KINDS, JobKind, NodeJob

Work = JobKind | Literal["reconcile"]
"""What a dispatcher does."""


class DispatchedJobs:
    """What there is now, and how the per-node Jobs ended that are gone."""

    def __init__(self, suffix: str) -> None:
        self._owners = {names.job_prefix(suffix, kind) for kind in JOB_KINDS}
        self._names = {names.dispatcher_name(suffix, kind): kind for kind in JOB_KINDS}
        self._cron_job = names.reconcile(suffix)
        self._nodes: dict[str, NodeJob] = {}
        self.dispatchers: dict[JobKind, NodeJob] = {}
        self._reconciling: dict[str, NodeJob] = {}

    def put(self, job: Job) -> NodeJob | None:
        """Take a Job as it is now; return it if it is a per-node one of this installation.

        Jobs of other installations are ignored.
        """
        observed = node_jobs.observed(job)
        if job.metadata.label(names.OWNER_LABEL) in self._owners:
            self._nodes[observed.uid] = observed
            return observed
        if self._is_reconciling(job):
            self._reconciling[observed.uid] = observed
        elif observed.name in self._names and job.metadata.label(names.DISPATCHER_LABEL):
            self.dispatchers[self._names[observed.name]] = observed
        return None

    def remove(self, job: Job) -> None:
        """Take the deletion of a Job. How a per-node Job ended stays known."""
        kind = self._names.get(job.metadata.name)
        if kind:
            self.dispatchers.pop(kind, None)
        self._reconciling.pop(job.metadata.uid, None)
        seen = self._nodes.get(job.metadata.uid)
        if seen and seen.active:
            del self._nodes[job.metadata.uid]

    @property
    def active(self) -> bool:
        """Whether a dispatcher or a per-node Job runs."""
        return bool(self.working) or any(job.active for job in self._nodes.values())

    @property
    def working(self) -> list[tuple[Work, NodeJob]]:
        """The dispatchers at work, and what each does."""
        found: list[tuple[Work, NodeJob]] = [*self.dispatchers.items()]
        found += [("reconcile", job) for job in self._reconciling.values()]
        return [(work, job) for work, job in found if job.active]

    def of_kind(self, kind: JobKind) -> list[NodeJob]:
        """Return the per-node Jobs of a kind, older ones first."""
        return sorted(
            (job for job in self._nodes.values() if job.kind == kind), key=lambda job: job.created
        )

    def by_node(self, kind: JobKind) -> dict[str, NodeJob]:
        """Return the newest Job of a kind for each node."""
        return {job.node: job for job in self.of_kind(kind)}

    def _is_reconciling(self, job: Job) -> bool:
        """Whether the CronJob of the installation has started it, under its name and a time."""
        cron_job = job.metadata.name.rpartition("-")[0]
        label = job.metadata.label(names.DISPATCHER_LABEL)
        return label == names.RECONCILE and cron_job == self._cron_job
