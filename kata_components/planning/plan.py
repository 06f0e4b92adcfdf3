"""The plan: what the next rollout does to each selected node, and why.

Pure; the same facts give the same plan.
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
from kata_components.planning.step import Action, Barrier, Step, step_of
from kata_components.planning.verdict import Rules, verdict
from kata_components.settings.wave_sizes import CANARY


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All selected nodes in the order they are taken, the pending ones first.

    `opens_in` is how many seconds of a soak are left that an earlier run was cut off in. `installs`
    are the nodes whose install Job has succeeded, `cleanups` those, selected or not, whose cleanup
    Job is not needed any more once the plan is carried out.
    """

    digest: str
    steps: tuple[Step, ...]
    opens_in: float = 0.0
    installs: frozenset[str] = frozenset()
    cleanups: frozenset[str] = frozenset()

    @property
    def pending(self) -> tuple[Step, ...]:
        """The steps that will touch a node, in order."""
        return tuple(step for step in self.steps if step.action.pending)

    def within(self, nodes: Collection[str]) -> Self:
        """Return the plan with none but these nodes."""
        wanted = set(nodes)
        return replace(self, steps=tuple(step for step in self.steps if step.node in wanted))

    def behind(self, *barriers: Barrier) -> list[Step]:
        """Return the steps that any of these barriers keeps from being taken."""
        return [step for step in self.steps if step.barrier in barriers]

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes each action has, in the order of the actions.

        Those with none are left out.
        """
        counted = Counter(step.action for step in self.steps)
        return {action.value: counted[action] for action in Action if counted[action]}

    @property
    def leftover(self) -> int:
        """How many nodes that need nothing have a succeeded Job: a run was cut off before it removed them."""
        done = {step.node for step in self.steps if step.action is Action.UP_TO_DATE}
        return len(done & (self.installs | self.cleanups)) + len(self.cleaned)

    @property
    def cleaned(self) -> frozenset[str]:
        """The nodes that are not selected and have a cleanup Job that is not needed any more."""
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

    `now` is the time of day, which only says how long a soak still takes; without it none is waited
    for. `deselected` are the other nodes with our mark: a cleanup Job there tells that only the
    mark is left to remove. `foreign` are the Jobs of other installations: where one is at work, no
    other may be.
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
            has_neighbour=node.metadata.name in shared,
        )
        for node in waves.interleaved(nodes)
    ]
    steps = {
        facts.name: rules.bound(_step(facts, rules, is_busy=facts.name in busy)) for facts in found
    }
    pending = list(_waves(found, steps, rules))
    placed = {step.node for step in pending}
    settled = [
        step.skipped("beyond the last wave") if step.action.pending else step
        for step in steps.values()
        if step.node not in placed
    ]
    finished = {place for place, job in known.items() if job.state is JobState.SUCCEEDED}
    # One that still runs has ended when the node is installed.
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
    """Return how many seconds the first wave with Jobs has still to wait: none if it was open already."""
    first = min((step.wave for step in pending if not step.action.writes_only), default=0)
    if _is_open(first, found, steps, rules):
        return 0.0
    done = [facts for facts in found if steps[facts.name].action.is_whole and not facts.is_adopted]
    return waves.seconds_left(
        (facts.mark.time for facts in done if facts.mark), rules.soak_seconds, now
    )


def _is_open(
    wave: int, found: Sequence[NodeState], steps: Mapping[str, Step], rules: Rules
) -> bool:
    """Whether a wave was open before: more nodes are done or begun than the waves before it let in.

    Newcomers of a finished fleet are of such a wave.
    """
    done = sum(steps[facts.name].action.is_whole and not facts.is_adopted for facts in found)
    begun = sum(steps[facts.name].is_begun for facts in found)
    return done + begun > waves.reach(rules.waves[:wave], (facts.node for facts in found))


def _waves(found: Sequence[NodeState], steps: Mapping[str, Step], rules: Rules) -> Iterable[Step]:
    """Return the pending steps that the waves let in, in order.

    Nodes in the middle of things come before fresh ones, whatever the wave: a running Job is waited
    for, and a failed node is known to the budget already, so trying it again costs nothing new.
    Where no node of their kind is done, they are its canaries: running `up` again must not break
    one node more each time. Nodes that need no Job come with them. Those to adopt are no canaries,
    then or later: they prove nothing of their kind. Those to label are done otherwise.
    """
    planned = [(facts, steps[facts.name]) for facts in found]
    done = [facts for facts, step in planned if step.action.is_whole]
    proven = [facts.node for facts in done if not facts.is_adopted]
    begun = [facts.node for facts, step in planned if step.is_begun]
    written = [facts.node for facts, step in planned if step.action.writes_only]
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
    # Of a wave that was open already nothing has to wait again, but for canaries.
    wave = first if _is_open(first, found, steps, rules) and not canaries else 0
    for node in (*begun, *written):
        yield replace(steps[node.metadata.name], wave=wave, canary=node in canaries)
    for number, nodes in enumerate(cut):
        canary = bool(rules.waves) and rules.waves[number] == CANARY
        for node in nodes:
            yield replace(steps[node.metadata.name], wave=number, canary=canary)


def _step(facts: NodeState, rules: Rules, *, is_busy: bool) -> Step:
    found = verdict(facts, rules)
    reason = found.reason
    if found.action.pending and found.action is not Action.RESUME and facts.is_worked_on:
        reason += "; waits for the Job that runs there now"
    elif found.action.pending and is_busy:
        reason += "; waits for the Job of another installation that runs there now"
    step = step_of(facts.node, found.action, reason, facts.job)
    return replace(
        step, barrier=found.barrier, failed_before=facts.has_failed, failed_at=facts.failed_at
    )
