"""When the per-node Jobs that a dispatcher paces were there and had ended, as they were seen."""

from dataclasses import replace

from kata_components.pacing.times import NodeTimes
from kata_components.planning.node_jobs import JobKind, NodeJob


class JobTimes:
    """The times of the Jobs that were seen at work. A node ends with its Job: no more is seen."""

    def __init__(self) -> None:
        self._seen: dict[tuple[str, str], NodeTimes] = {}

    def note(self, now: float, job: NodeJob | None) -> None:
        """Take a Job, if it is one, as it is at a moment."""
        if job is None:
            return
        key = (job.kind, job.node)
        before = self._seen.get(key)
        if job.active:
            if before is None or before.ended is not None:
                self._seen[key] = NodeTimes(started=now, job_started=now)
        elif before and before.ended is None:
            self._seen[key] = replace(before, job_ended=now, ended=now)

    def of(self, kind: JobKind) -> dict[str, NodeTimes]:
        """Return the times of a kind of Job, by node."""
        return {node: times for (its_kind, node), times in self._seen.items() if its_kind == kind}
