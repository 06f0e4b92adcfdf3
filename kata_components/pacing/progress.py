"""How far a run is: the number of nodes in each state, and the nodes that failed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kata_components.pacing.holdup import Holdup, summarised
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob


@dataclass(frozen=True)
class Failure:
    """A node that failed in this run or was left out, and why."""

    node: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many nodes are in which state at one moment."""

    total: int
    done: int
    running: int
    """Hold a slot."""
    finishing: int
    """Their Job has ended but they are not settled."""
    failed: int
    departed: int
    """Have left the cluster."""
    settling: int = 0
    """Wait behind their Job to be Ready and to report Kata's handlers."""
    starting: int = 0
    """Running nodes on which, as far as is known, no pod is at work yet."""
    skipped: int = 0
    others: int = 0
    """Jobs that hold a slot as well, though they are not for a node of this run."""
    opens_in: float = 0.0
    """For how many more seconds it soaks before the next wave."""
    holdups: tuple[str, ...] = ()
    """Short texts that say what does not progress."""

    @property
    def remaining(self) -> int:
        """How many nodes have not started."""
        settled = self.done + self.failed + self.departed + self.skipped
        return self.total - settled - self.running - self.settling - self.finishing


def progress(
    nodes: Iterable[str],
    jobs: Mapping[str, NodeJob],
    kind: JobKind,
    held_up: Mapping[str, Holdup] | None = None,
) -> Progress:
    """Return how far these nodes are, given the newest Job of each and what holds some up."""
    wanted = list(nodes)
    states = [jobs[node].state for node in wanted if node in jobs and jobs[node].kind == kind]
    held = {
        node: held for node, held in (held_up or {}).items() if node in jobs and jobs[node].active
    }
    return Progress(
        total=len(wanted),
        done=states.count(JobState.SUCCEEDED),
        running=states.count(JobState.ACTIVE),
        finishing=0,
        failed=states.count(JobState.FAILED),
        departed=0,
        starting=sum(holdup.podless for holdup in held.values()),
        holdups=summarised(held),
    )
