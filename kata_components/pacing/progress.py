"""How far a run is: counts of nodes at one moment, and the nodes that failed. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from kata_components.pacing.holdup import Holdup, told
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob


@dataclass(frozen=True)
class Failure:
    """A node that failed in this run, or was left out, and why."""

    node: str
    text: str


@dataclass(frozen=True, kw_only=True)
class Progress:
    """Counts of nodes at one moment.

    `running` hold a slot; `finishing` have no Job any more but are not settled.

    `starting` are those of the running nodes on which, as far as is known, nothing works yet.
    `others` are Jobs that hold a slot too, though no node of this run works in them; `opens_in` is
    for how many seconds it still soaks before the next wave. `holdups` say in short texts what does
    not get on.
    """

    total: int
    done: int
    running: int
    finishing: int
    failed: int
    departed: int
    starting: int = 0
    skipped: int = 0
    others: int = 0
    opens_in: float = 0.0
    holdups: tuple[str, ...] = ()

    @property
    def remaining(self) -> int:
        """Nodes that have not started."""
        settled = self.done + self.failed + self.departed + self.skipped
        return self.total - settled - self.running - self.finishing


def progress(
    nodes: Iterable[str],
    jobs: Mapping[str, NodeJob],
    kind: JobKind,
    held_up: Mapping[str, Holdup] | None = None,
) -> Progress:
    """Return how far a run over these nodes is, given the newest Job of each, and what holds some up."""
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
        holdups=told(held),
    )
