"""The plan: what the next rollout does to each selected node, and why.

Pure: the same cluster gives the same plan.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Self

from kata_components.kubernetes.nodes import Node
from kata_components.planning import waves
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.node_state import NodeState
from kata_components.planning.service import service_of
from kata_components.planning.step import Action, Barrier, Step, step_of
from kata_components.planning.verdict import Rules, verdict
from kata_components.settings.wave_sizes import CANARY


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What happens to all selected nodes."""

    digest: str
    steps: tuple[Step, ...]
    """In the order of the rollout, the pending ones first."""
    opens_in: float = 0.0
    """How many seconds are left of a soak in which an earlier run was interrupted."""
    installs: frozenset[str] = frozenset()
    """The nodes whose install Job has succeeded."""
    cleanups: frozenset[str] = frozenset()
    """The nodes, selected or not, whose cleanup Job is obsolete once the plan is carried out."""

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that will touch a node, in order."""
        return tuple(step for step in self.steps if step.action.pending)

    def within(self, nodes: Collection[str]) -> Self:
        """Return the plan restricted to these nodes."""
        wanted = set(nodes)
        return replace(self, steps=tuple(step for step in self.steps if step.node in wanted))

    def behind(self, *barriers: Barrier) -> list[Step]:
        """Return the steps that any of these barriers blocks."""
        return [step for step in self.steps if step.barrier in barriers]

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes each action has, in the order of the actions, without empty ones."""
        counted = Counter(step.action for step in self.steps)
        return {action.value: counted[action] for action in Action if counted[action]}

    @property
    def leftover(self) -> int:
        """How many nodes that need nothing still have a succeeded Job, from an interrupted run."""
        done = {step.node for step in self.steps if step.action is Action.UP_TO_DATE}
        return len(done & (self.installs | self.cleanups)) + len(self.cleaned)

    @property
    def cleaned(self) -> frozenset[str]:
        """The nodes that are not selected and have an obsolete cleanup Job."""
        return self.cleanups.difference(step.node for step in self.steps)


NOTHING: Final = Plan(digest="", steps=())


def plan(
    nodes: Sequence[Node],
    jobs: Iterable[NodeJob],
    rules: Rules,
    now: datetime | None = None,
    *,
    deselected: Collection[str] = frozenset(),
    foreign: Iterable[NodeJob] = (),
) -> Plan:
    """Return the plan for the selected nodes, given the per-node Jobs the cluster holds.

    `now` is the time of day, which only says how long a soak still takes; without it there is none.
    `deselected` are the other nodes with our mark: a cleanup Job there shows that only the mark is
    left to remove. `foreign` are the Jobs of other installations: where one is active, no other may
    be.
    """
    foreign = list(foreign)
    busy = {job.node for job in foreign if job.active}
    shared = {job.node for job in foreign}
    known = {(job.node, job.kind): job for job in jobs}
    found = [
        NodeState(
            node=node,
            job=known.get((node.metadata.name, "install")),
            cleanup=known.get((node.metadata.name, "cleanup")),
            suffix=rules.suffix,
            namespace=rules.namespace,
            digests=rules.digests,
            demands=rules.demands,
            token_free=rules.token_free,
            has_neighbour=node.metadata.name in shared,
        )
        for node in waves.interleaved(nodes)
    ]
    steps = {
        state.name: rules.bound(_step(state, rules, is_busy=state.name in busy)) for state in found
    }
    pending = list(_waves(found, steps, rules))
    placed = {step.node for step in pending}
    settled = [
        step.skipped("beyond the last wave") if step.action.pending else step
        for step in steps.values()
        if step.node not in placed
    ]
    finished = {place for place, job in known.items() if job.state is JobState.SUCCEEDED}
    # A Job that still runs has ended by the time the node is installed.
    ending = {(job.node, job.kind) for job in known.values() if job.active and job.node in steps}
    return Plan(
        digest=rules.digest,
        steps=(*pending, *settled),
        opens_in=_soak_left(found, steps, pending, rules, now) if pending and now else 0.0,
        installs=frozenset(node for node, kind in finished if kind == "install"),
        cleanups=frozenset(
            node for node, kind in finished | ending if kind == "cleanup"
        ).difference(deselected),
    )


def _soak_left(
    found: Sequence[NodeState],
    steps: Mapping[str, Step],
    pending: Sequence[Step],
    rules: Rules,
    now: datetime,
) -> float:
    """Return how many seconds the first wave with Jobs still waits, 0 if it was open already."""
    first = min((step.wave for step in pending if not step.action.writes_only), default=0)
    if _is_open(first, found, steps, rules):
        return 0.0
    done = [state for state in found if steps[state.name].action.is_whole and not state.is_adopted]
    return waves.seconds_left(
        (state.mark.time for state in done if state.mark), rules.soak_seconds, now
    )


def _is_open(
    wave: int, found: Sequence[NodeState], steps: Mapping[str, Step], rules: Rules
) -> bool:
    """Whether a wave was open before: more nodes are done or begun than the earlier waves allow.

    New nodes in a finished fleet are in such a wave.
    """
    done = sum(steps[state.name].action.is_whole and not state.is_adopted for state in found)
    begun = sum(steps[state.name].is_begun for state in found)
    return done + begun > waves.reach(rules.waves[:wave], (state.node for state in found))


def _waves(found: Sequence[NodeState], steps: Mapping[str, Step], rules: Rules) -> Iterable[Step]:
    """Return the pending steps that the waves allow, in order.

    Nodes that were begun come before fresh ones, whatever the wave: a running Job is waited for,
    and the budget already counts a failed node, so retrying it costs nothing more. Where no node of
    their kind is done, they are its canaries: running `up` again must not break another node each
    time. Nodes that need no Job come with them. Nodes to adopt are never canaries, since they prove
    nothing about their kind. Nodes that only lack labels are otherwise done.
    """
    planned = [(state, steps[state.name]) for state in found]
    done = [state for state, step in planned if step.action.is_whole]
    proven = [state.node for state in done if not state.is_adopted]
    begun = [state.node for state, step in planned if step.is_begun]
    written = [state.node for state, step in planned if step.action.writes_only]
    adopted = sum(step.action is Action.ADOPT for _, step in planned)
    fresh = [
        f.node
        for f, step in planned
        if step.action.pending and not (step.is_begun or step.action.writes_only)
    ]
    canaries = waves.canaries(begun, proven) if CANARY in rules.waves else []
    started = len(done) + len(begun) + adopted
    cut = waves.split(
        fresh, tried=[*proven, *begun], started=started, sizes=rules.waves, total=len(found)
    )
    first = next((number for number, nodes in enumerate(cut) if nodes), 0)
    # In a wave that was open already only canaries make the others wait again.
    wave = first if _is_open(first, found, steps, rules) and not canaries else 0
    for node in (*begun, *written):
        yield replace(steps[node.metadata.name], wave=wave, canary=node in canaries)
    for number, nodes in enumerate(cut):
        canary = bool(rules.waves) and rules.waves[number] == CANARY
        for node in nodes:
            yield replace(steps[node.metadata.name], wave=number, canary=canary)


def _step(state: NodeState, rules: Rules, *, is_busy: bool) -> Step:
    found = verdict(state, rules)
    reason = found.reason
    if found.action.pending and found.action is not Action.RESUME and state.is_worked_on:
        reason += "; waiting for the Job that is running there"
    elif found.action.pending and is_busy:
        reason += "; waiting for another installation's Job that is running there"
    step = step_of(state.node, found.action, reason, state.job)
    follows = rules.token_free and found.action is Action.RESUME
    return replace(
        step,
        installed=state.own_mark,
        barrier=found.barrier,
        failed_before=state.has_failed,
        failed_at=state.failed_at,
        undone=state.is_undone
        or state.is_out_of_service
        or (state.own_mark is not None and state.own_mark.is_of_cleanup),
        service=service_of(state.node, rules.demands) if follows else None,
    )
