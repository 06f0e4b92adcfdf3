"""One node of a plan: what happens to it and why."""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import Self

from kata_components.kubernetes.nodes import Node
from kata_components.planning.node_jobs import NodeJob


class Action(StrEnum):
    """What happens to a node. The values stand in plan.json."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    REBUILT = "rebuilt"
    RETRY = "retry"
    RESUME = "resume"
    ADOPT = "adopt"
    RELABEL = "relabel"
    CLEANUP = "cleanup"
    UP_TO_DATE = "upToDate"
    SKIPPED = "skipped"

    @property
    def pending(self) -> bool:
        """Whether the rollout will touch the node."""
        return self not in {Action.UP_TO_DATE, Action.SKIPPED}

    @property
    def writes_only(self) -> bool:
        """Whether one write to the node is all it takes: no Job runs there."""
        return self in {Action.ADOPT, Action.RELABEL}

    @property
    def is_whole(self) -> bool:
        """Whether the node has the digest already."""
        return self in {Action.UP_TO_DATE, Action.RELABEL}


class Barrier(Enum):
    """What keeps a node from being worked on, where somebody else has to know it."""

    NOT_READY = auto()
    TAINT = auto()
    UNCLAIMED = auto()
    """Kata's label is there, no mark of ours, and nothing says what to do with such nodes."""
    UNPROVEN = auto()
    """The same, but such nodes are to be adopted, and nothing shows that Kata is on this one."""
    UNFIT = auto()
    """Kata cannot be installed there: another operating system, a container runtime that is too
    old."""
    OTHER_DISTRIBUTION = auto()
    """It names another distribution of Kubernetes than is configured."""
    MARKED_ELSEWHERE = auto()
    """An installation of the same suffix in another namespace has marked it."""
    MARKED_NEWER = auto()
    """A newer checkout has marked it."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node of the plan.

    `wave` counts from 0; `canary` marks the nodes whose failure stops everything. `stale_job` is
    the UID of a Job that ended before and says nothing about this step: it has to go before the
    step's own. `failed_before`: a Job of it at this digest failed, which counts whatever happens to
    the node now; for a cleanup, its Job has left half of it. `failed_at`: the digest at which its
    last Job has failed, this one or another. `barrier` is what keeps the node from being worked on.
    Not `ready`: the node was NotReady already when it was planned. `keeps_label`: the label that
    all installations share is another one's, too, so it has to be there after a cleanup.
    """

    node: str
    node_uid: str
    machine_id: str
    action: Action
    reason: str
    wave: int = 0
    canary: bool = False
    stale_job: str = ""
    failed_before: bool = False
    failed_at: str = ""
    barrier: Barrier | None = None
    ready: bool = True
    keeps_label: bool = False

    @property
    def needs_job(self) -> bool:
        """Whether a Job has to be made for it.

        What runs or has run, and what is only written, needs none.
        """
        return (
            self.action.pending and self.action is not Action.RESUME and not self.action.writes_only
        )

    @property
    def is_begun(self) -> bool:
        """Whether the rollout goes on with a node that it has had its hands on at this digest."""
        return self.action is Action.RESUME or (self.action.pending and self.failed_before)

    def is_served_by(self, job: NodeJob, kind: str, digest: str) -> bool:
        """Whether a Job does what is wanted here: that kind, at that digest, on this machine."""
        return (job.kind, job.digest) == (kind, digest) and job.may_be_of(
            self.node_uid, self.machine_id
        )

    def skipped(self, reason: str) -> Self:
        """Return the step as one that is not taken."""
        return replace(self, action=Action.SKIPPED, reason=reason)


def step_of(node: Node, action: Action, reason: str, job: NodeJob | None) -> Step:
    """Return the step of a node; `job` is the one of the paced kind that was found there."""
    ended = job is not None and not job.active and action is not Action.RESUME
    return Step(
        node=node.metadata.name,
        node_uid=node.metadata.uid,
        machine_id=node.info.machine_id,
        ready=node.ready,
        action=action,
        reason=reason,
        stale_job=job.uid if job and ended else "",
    )
