"""What the pacer asks for and what came of it: all that pacer and executor say to each other."""

from dataclasses import dataclass
from enum import Enum
from typing import Final

from kata_components.errors import ApiError
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.step import Step


@dataclass(frozen=True)
class CreateJob:
    """Create the node's Job.

    Where it `replaces` one, by its UID, only when no pod of that one works any more.
    """

    step: Step
    replaces: str = ""


@dataclass(frozen=True)
class DeleteJob:
    """Delete a finished Job that stands in the way of the node's next one."""

    step: Step
    job: NodeJob


@dataclass(frozen=True)
class WriteMark:
    """Write (install) or remove (cleanup) the mark of a node whose Job succeeded."""

    step: Step


@dataclass(frozen=True)
class Diagnose:
    """Leave a trace of a failed Job on its node; find out why, and if the node is still there.

    `job` is None where it vanished too often.
    """

    step: Step
    job: NodeJob | None


@dataclass(frozen=True)
class ListJobs:
    """List all per-node Jobs; `epoch` says how old the answer is when it comes back."""

    epoch: int


@dataclass(frozen=True)
class RemoveJobs:
    """Remove the succeeded Jobs of nodes that are done.

    Failing is no failure, and nothing waits for it.
    """

    nodes: tuple[str, ...]


NodeCommand = CreateJob | DeleteJob | WriteMark | Diagnose
Command = NodeCommand | ListJobs | RemoveJobs


class CommandStatus(Enum):
    """How a command ended, as far as its sender can know."""

    DONE = "done"
    CONFLICT = "conflict"
    """An object of that name or UID stands against it (HTTP 409)."""
    GONE = "gone"
    """What it was about is not there any more (HTTP 404)."""
    THROTTLED = "throttled"
    """The server asked to wait (HTTP 429); nothing was applied."""
    FULL = "full"
    """A quota is used up; nothing was applied, and there will be room again."""
    UNKNOWN = "unknown"
    """No answer, or a 5xx: it may have been applied."""
    DEPARTED = "departed"
    """The node is gone, or another machine has its name by now, so nothing was done."""
    SKIPPED = "skipped"
    """The node is not to be worked on now, so nothing was done; the text says why."""
    REJECTED = "rejected"
    """The server will never accept it; the text says why."""


@dataclass(frozen=True, kw_only=True)
class Result:
    """The end of a command.

    `uid` is the created Job's; `retry_after` is in seconds; `text` explains a failure.
    """

    code: CommandStatus
    uid: str = ""
    text: str = ""
    retry_after: float = 0.0


_CODES: Final = {404: CommandStatus.GONE, 409: CommandStatus.CONFLICT, 429: CommandStatus.THROTTLED}
_SERVER_ERROR: Final = 500


def status_of(error: ApiError, *, creates: bool = False) -> CommandStatus:
    """Return how a command has ended that was answered with an error."""
    if error.over_quota:
        return CommandStatus.FULL
    if error.status >= _SERVER_ERROR or error.rbac_denied:
        return CommandStatus.UNKNOWN
    code = _CODES.get(error.status, CommandStatus.REJECTED)
    # A create is about nothing that could be gone: its 404 means that the namespace is not there.
    return CommandStatus.REJECTED if code is CommandStatus.GONE and creates else code
