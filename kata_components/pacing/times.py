"""When each node of a run passed the stages of its work, by the clock of the pacer. Pure."""

from dataclasses import dataclass
from typing import Final

from kata_components.pacing.node_run import ENDED, NodeRun, NodeRuns, Phase

_STARTED: Final = (Phase.DELETING, Phase.CREATING, Phase.MARKING)
_JOB_ENDED: Final = (Phase.DIAGNOSING, Phase.AWAITING, Phase.DEMOTING, Phase.MARKING)


@dataclass(frozen=True, kw_only=True)
class NodeTimes:
    """When a node passed the stages of its work, in seconds; None for a stage it has not reached.

    One that needs no Job has no times of a Job.
    """

    started: float | None = None
    """It took its slot, or was written to."""
    job_started: float | None = None
    """Its Job was there."""
    job_ended: float | None = None
    """Its Job had ended, well or not."""
    ended: float | None = None
    """It was done, had failed, was left out or had left the cluster."""


def times(nodes: NodeRuns) -> dict[str, NodeTimes]:
    """Return the times of the nodes that have started."""
    return {node: _times(nodes[node]) for node in nodes.within(*Phase) if nodes[node].has_started}


def _times(run: NodeRun) -> NodeTimes:
    def first(*phases: Phase) -> float | None:
        return min((run.entered[phase] for phase in phases if phase in run.entered), default=None)

    job_started = first(Phase.RUNNING)
    return NodeTimes(
        started=first(*_STARTED),
        job_started=job_started,
        job_ended=None if job_started is None else first(*_JOB_ENDED),
        ended=first(*ENDED),
    )
