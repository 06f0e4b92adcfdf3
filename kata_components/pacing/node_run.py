"""The phase of each node in a rollout, and the counts of all of them. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum, auto
from typing import Final

from kata_components.kubernetes.backoff import Attempts
from kata_components.pacing.holdup import Holdup, summarised
from kata_components.pacing.progress import Failure, Progress
from kata_components.pacing.wait import Wait
from kata_components.planning.step import Step


class Phase(Enum):
    """The phases of a node; `pacer` shows how they follow each other."""

    QUEUED = auto()
    DELETING = auto()
    CREATING = auto()
    RUNNING = auto()
    DIAGNOSING = auto()
    AWAITING = auto()
    DEMOTING = auto()
    MARKING = auto()
    HOLDING = auto()
    LIFTING = auto()
    DONE = auto()
    DRIFTED = auto()
    MENDING = auto()
    FAILED = auto()
    DEPARTED = auto()
    SKIPPED = auto()


_MAX_MARKING: Final = 100
"""How many nodes may wait for their mark before further ones are held back."""
HOLDS_SLOT = (Phase.DELETING, Phase.CREATING, Phase.RUNNING)
_DRIFTING: Final = (Phase.DRIFTED, Phase.MENDING)
ENDED: Final = (Phase.DONE, Phase.FAILED, Phase.DEPARTED, Phase.SKIPPED)
ONCE_DONE: Final = (Phase.DONE, *_DRIFTING)
_FINISHING: Final = (
    Phase.DIAGNOSING,
    Phase.DEMOTING,
    Phase.MARKING,
    Phase.HOLDING,
    Phase.LIFTING,
)


@dataclass
class NodeRun:
    """One node of a rollout."""

    step: Step
    phase: Phase = Phase.QUEUED
    job_uid: str = ""
    busy: bool = False
    """Whether a command about it is under way."""
    attempts: Attempts = field(default_factory=Attempts)
    """How often the command of its phase was tried."""
    vanished: int = 0
    """How many of its Jobs were deleted while they ran."""
    touched: int = 0
    """The epoch of its last command or answer: a list from before says nothing about its Job."""
    holdup: Holdup | None = None
    """The latest reason why its Job, or the node behind it, does not progress; kept when that is
    over."""
    replaces: str = ""
    """The UID of its previous Job."""
    failure: str = ""
    """Why it failed or was skipped, or why it has kept its startup taints."""
    wait: Wait | None = None
    """Its wait behind its Job, once that has succeeded."""
    next_look: float = 0.0
    """When to look at it, in the phases that look."""
    changed: bool = False
    """Whether its labels were changed during the look that is under way, if it was done before."""
    writes: int = 0
    """How often its mark and labels were written."""
    tainted: bool = False
    """Whether startup taints are to be lifted."""
    entered: dict[Phase, float] = field(default_factory=dict)
    """When it last entered each phase, by `NodeRuns.now`; nothing after it was done."""

    @property
    def has_started(self) -> bool:
        """Whether it is or was worked on."""
        return self.phase is not Phase.QUEUED

    @property
    def overdue(self) -> str:
        """The failure of a node whose Job is active long after its deadline."""
        why = f": {self.holdup}" if self.holdup else "; is the node alive?"
        return f"its Job did not end in time{why}"


class NodeRuns:
    """All nodes of a rollout, in the order of the plan, with counts that cost nothing to read."""

    def __init__(self, steps: Iterable[Step]) -> None:
        self._runs = {step.node: NodeRun(step) for step in steps}
        self._counts = dict.fromkeys(Phase, 0) | {Phase.QUEUED: len(self._runs)}
        self._holders: dict[str, None] = {}
        self._late: dict[str, None] = {}
        self._held_up: Mapping[str, Holdup] = {}
        self.now = 0.0
        """The time of the event that is being processed; kept by the pacer."""

    def __getitem__(self, node: str) -> NodeRun:
        """Return the run of a node of the plan."""
        return self._runs[node]

    def get(self, node: str) -> NodeRun | None:
        """Return the run of a node, None if the plan does not have it."""
        return self._runs.get(node)

    def enter(self, run: NodeRun, phase: Phase) -> None:
        """Move a node into a phase."""
        self._counts[run.phase] -= 1
        self._counts[phase] += 1
        if phase is not run.phase:
            run.attempts = Attempts()
        if run.phase not in ONCE_DONE:
            run.entered[phase] = self.now
        run.phase = phase
        if phase in HOLDS_SLOT:
            self._holders[run.step.node] = None
        else:
            self._holders.pop(run.step.node, None)
        self._late.pop(run.step.node, None)

    def note_late(self, run: NodeRun) -> None:
        """Note that a node has waited for long behind its Job."""
        self._late[run.step.node] = None

    def hold_up(self, found: Mapping[str, Holdup]) -> None:
        """Replace what holds up running Jobs, by node."""
        self._held_up = found
        for node, holdup in found.items():
            self._runs[node].holdup = holdup

    @property
    def held_up(self) -> dict[str, Holdup]:
        """What holds up the Jobs that are still running."""
        return {
            node: holdup
            for node, holdup in self._held_up.items()
            if self._runs[node].phase is Phase.RUNNING
        }

    @property
    def holders(self) -> Iterator[str]:
        """The nodes that hold a slot."""
        return iter(self._holders)

    @property
    def idle(self) -> bool:
        """Whether every node is settled or has not started."""
        counts = self.counts
        at_work = counts.running + counts.settling + counts.finishing
        return at_work + sum(self._counts[phase] for phase in _DRIFTING) == 0

    def is_congested(self, parallelism: int) -> bool:
        """Whether no further node should start for a while.

        Many wait for their mark, which is all that adopted ones need; or as many as may be at work
        wait behind their Jobs; or one has become NotReady during its own Job, and until it is Ready
        again or the Job has ended, nobody knows whether the next ones would too.
        """
        crowded = (
            self._counts[Phase.MARKING] >= _MAX_MARKING
            or self._counts[Phase.AWAITING] >= parallelism
        )
        return crowded or any(
            held.unwell and self._runs[node].step.ready for node, held in self.held_up.items()
        )

    @property
    def counts(self) -> Progress:
        """The current counts."""
        counts = self._counts
        return Progress(
            total=len(self._runs),
            done=sum(counts[phase] for phase in ONCE_DONE),
            failed=counts[Phase.FAILED],
            departed=counts[Phase.DEPARTED],
            skipped=counts[Phase.SKIPPED],
            running=sum(counts[phase] for phase in HOLDS_SLOT),
            starting=counts[Phase.DELETING] + counts[Phase.CREATING],
            settling=counts[Phase.AWAITING],
            finishing=sum(counts[phase] for phase in _FINISHING),
        )

    @property
    def progress(self) -> Progress:
        """The current counts, and what holds up the running Jobs and the nodes behind theirs."""
        counts, held = self.counts, self.held_up
        starting = counts.starting + sum(holdup.podless for holdup in held.values())
        late = {node: holdup for node in self._late if (holdup := self._runs[node].holdup)}
        return replace(counts, starting=starting, holdups=summarised(held | late))

    @property
    def failed(self) -> list[NodeRun]:
        """The runs of the nodes that failed."""
        return [run for run in self._runs.values() if run.phase is Phase.FAILED]

    @property
    def failures(self) -> list[Failure]:
        """The nodes that failed in this run."""
        return self._ended(Phase.FAILED)

    @property
    def skipped(self) -> list[Failure]:
        """The nodes that were planned and left out in this run, and why."""
        return self._ended(Phase.SKIPPED)

    @property
    def still_tainted(self) -> list[Failure]:
        """The nodes that are done but have kept their startup taints, and why."""
        return [failure for failure in self._ended(Phase.DONE) if failure.text]

    def _ended(self, phase: Phase) -> list[Failure]:
        return [
            Failure(node, run.failure) for node, run in self._runs.items() if run.phase is phase
        ]

    def within(self, *phases: Phase) -> list[str]:
        """Return the nodes in any of these phases."""
        return [node for node, run in self._runs.items() if run.phase in phases]
