"""What the pacer asks for and what came of it: all that pacer and executor say to each other."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from kata_components.errors import ApiError
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.service import Service
from kata_components.planning.step import Step


@dataclass(frozen=True)
class CreateJob:
    """Create the node's Job.

    Where it `replaces` one, given by UID, only once none of its pods is at work.
    """

    step: Step
    replaces: str = ""
    again: bool = False
    """Whether the node has kept its slot since the same was asked for before."""


@dataclass(frozen=True)
class DeleteJob:
    """Delete a finished Job that is in the way of the node's next one."""

    step: Step
    job: NodeJob


@dataclass(frozen=True)
class LookAtNode:
    """Read a node behind its Job: whether it serves Kata, and whether its labels are as written."""

    step: Step


@dataclass(frozen=True)
class WriteMark:
    """Write (install) or remove (cleanup) the mark of a node whose Job succeeded.

    Where the Job does not label its node, the labels go with it.
    """

    step: Step


@dataclass(frozen=True)
class WriteFailure:
    """Leave a trace on a node that does not serve Kata though its Job succeeded, and demote it."""

    step: Step
    text: str
    """Why the node has failed."""


@dataclass(frozen=True)
class LiftTaints:
    """Lift the startup taints of a labelled node."""

    step: Step


@dataclass(frozen=True)
class Diagnose:
    """Leave a trace of a failed Job on its node; find out why, and if the node still exists.

    `job` is None if it vanished too often.
    """

    step: Step
    job: NodeJob | None


@dataclass(frozen=True)
class ListJobs:
    """List all per-node Jobs; `epoch` says how old the answer is when it arrives."""

    epoch: int


@dataclass(frozen=True)
class RemoveJobs:
    """Remove the succeeded Jobs of these nodes, which are done.

    Nothing waits for it, and it may fail.
    """

    nodes: tuple[str, ...]


AfterJob = LookAtNode | WriteMark | WriteFailure | LiftTaints
"""What follows a Job that has succeeded."""
NodeCommand = CreateJob | DeleteJob | Diagnose | AfterJob
Command = NodeCommand | ListJobs | RemoveJobs


class CommandStatus(Enum):
    """How a command ended, as far as its sender can know."""

    DONE = "done"
    CONFLICT = "conflict"
    """An object with that name or another UID is in the way (HTTP 409)."""
    GONE = "gone"
    """Its object no longer exists (HTTP 404)."""
    THROTTLED = "throttled"
    """The server asked to wait (HTTP 429); nothing was applied."""
    FULL = "full"
    """A quota is used up; nothing was applied, and there will be room again."""
    UNKNOWN = "unknown"
    """No answer, or a 5xx: it may have been applied."""
    DEPARTED = "departed"
    """The node is gone, or another machine has its name, so nothing was done."""
    SKIPPED = "skipped"
    """The node is to be left out as it is now, so nothing was done; the text says why."""
    REJECTED = "rejected"
    """The server will never accept it; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The end of a command."""

    code: CommandStatus
    uid: str = ""
    """The UID of the created Job."""
    text: str = ""
    """Explains a failure."""
    answered: bool = False
    """Whether an unknown outcome is an error answer, of which only a few are retried: an outage is
    waited out."""
    retry_after: float = 0.0
    """How many seconds the server asked to wait."""
    service: Service | None = None
    """Whether the node serves Kata (`LookAtNode`); `text` says what it reports if it does not."""
    labelled: bool = True
    """Whether the node has its labels as they were written (`LookAtNode`; `LiftTaints`, which
    leaves the taints where it has not)."""
    holds: bool = False
    """Whether labels have to hold, since its kubelet restarts with the container runtime and sets
    old ones again: that of k3s or RKE2 (`WriteMark`, from the answer)."""
    tainted: bool = False
    """Whether the node carries a startup taint (`WriteMark`, from the answer)."""


_CODES: Final = {404: CommandStatus.GONE, 409: CommandStatus.CONFLICT, 429: CommandStatus.THROTTLED}
_SERVER_ERROR: Final = 500


def status_of(error: ApiError, *, creates: bool = False) -> CommandStatus:
    """Return how a command ended that was answered with an error."""
    if error.over_quota:
        return CommandStatus.FULL
    if error.status >= _SERVER_ERROR or error.rbac_denied:
        return CommandStatus.UNKNOWN
    code = _CODES.get(error.status, CommandStatus.REJECTED)
    # What is created cannot be gone: the 404 of a create means that the namespace does not exist.
    return CommandStatus.REJECTED if code is CommandStatus.GONE and creates else code
