"""One node of a plan: what happens to it and why."""

from dataclasses import dataclass, replace
from enum import Enum, StrEnum, auto
from typing import Self

from kata_components.kubernetes.nodes import Node
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.node_mark import Machine, Mark
from kata_components.planning.service import Service
from kata_components.planning.waves import UNREPORTED, Kind, kind_of, zone_of


class Action(StrEnum):
    """What happens to a node. plan.json has the values."""

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
        """Whether it is done with one write to the node, without a Job."""
        return self in {Action.ADOPT, Action.RELABEL}

    @property
    def is_whole(self) -> bool:
        """Whether the node already has the digest."""
        return self in {Action.UP_TO_DATE, Action.RELABEL}


class Barrier(Enum):
    """What keeps a node from being worked on, where other code has to know it."""

    NOT_READY = auto()
    TAINT = auto()
    UNCLAIMED = auto()
    """It has Kata's label without our mark, and the configuration does not say what to do."""
    UNPROVEN = auto()
    """The same, but such nodes are to be adopted, and nothing shows that Kata is on this one."""
    UNFIT = auto()
    """It cannot run Kata: another operating system, or too old a container runtime."""
    OTHER_DISTRIBUTION = auto()
    """It reports another distribution of Kubernetes than the configured one."""
    MARKED_ELSEWHERE = auto()
    """An installation with the same suffix in another namespace has marked it."""
    MARKED_NEWER = auto()
    """A newer version of this program has marked it."""
    UNREPORTED = auto()
    """It has not reported yet what its Job is told of it."""


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node of the plan."""

    node: str
    node_uid: str
    machine_id: str
    kind: Kind = UNREPORTED
    """What a canary stands for."""
    zone: str = ""
    installed: Mark | None = None
    """What its mark says of this machine, for who reads the plan: nothing decides on it."""
    action: Action
    reason: str
    """Why, in words: nothing decides on it."""
    wave: int = 0
    """Counts from 0."""
    canary: bool = False
    """Whether its failure stops everything."""
    stale_job: str = ""
    """The UID of a finished Job that says nothing about this step and is removed before its own."""
    failed_before: bool = False
    """Whether a Job of it failed at this digest, which counts whatever happens to the node now; for
    a cleanup: whether its Job has left half of Kata."""
    failed_at: str = ""
    """The digest at which its last Job failed, this one or another."""
    barrier: Barrier | None = None
    """What keeps it from being worked on."""
    ready: bool = True
    """Whether it was Ready when it was planned."""
    keeps_label: bool = False
    """Whether a cleanup must leave the label that all installations share, for another one."""

    undone: bool = False
    """Whether a cleanup was begun on it since it was installed, or its own label may still say that
    it is out of service."""
    service: Service | None = None
    """How far a node is that is resumed behind a token-free Job."""

    @property
    def machine(self) -> Machine:
        """The machine that was planned for."""
        return Machine(self.node_uid, self.machine_id)

    @property
    def needs_job(self) -> bool:
        """Whether a Job has to be created: none runs or has run, and a write does not suffice."""
        return (
            self.action.pending and self.action is not Action.RESUME and not self.action.writes_only
        )

    @property
    def is_begun(self) -> bool:
        """Whether the rollout continues with a node that was already started at this digest."""
        return self.action is Action.RESUME or (self.needs_job and self.failed_before)

    def is_served_by(self, job: NodeJob, kind: str, digest: str) -> bool:
        """Whether a Job does this step: of that kind, at that digest, on this machine."""
        return (job.kind, job.digest) == (kind, digest) and job.may_be_of(
            self.node_uid, self.machine_id
        )

    def superseding(self, job: NodeJob) -> Self:
        """Return the step with what a finished Job tells of its machine before it is removed.

        It may have ended after the plan was made.
        """
        if job.state is not JobState.FAILED or not job.may_be_of(self.node_uid, self.machine_id):
            return self
        if job.kind == "cleanup":
            return replace(self, failed_before=True)
        return replace(self, failed_at=job.digest)

    def skipped(self, reason: str) -> Self:
        """Return the step as a skipped one."""
        return replace(self, action=Action.SKIPPED, reason=reason)


def step_of(node: Node, action: Action, reason: str, job: NodeJob | None) -> Step:
    """Return the step of a node; `job` is its Job of the paced kind."""
    ended = job is not None and not job.active and action is not Action.RESUME
    return Step(
        node=node.metadata.name,
        node_uid=node.metadata.uid,
        machine_id=node.info.machine_id,
        kind=kind_of(node),
        zone=zone_of(node),
        ready=node.ready,
        action=action,
        reason=reason,
        stale_job=job.uid if job and ended else "",
    )
