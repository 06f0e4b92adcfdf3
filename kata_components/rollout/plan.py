"""The plan: what the next rollout does to each selected node, and why. Pure; the same facts give the same plan."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal

from kata_components import names
from kata_components.kubernetes.objects import Node
from kata_components.rollout import digest as host_digest
from kata_components.rollout import soak, waves
from kata_components.rollout.facts import Facts
from kata_components.rollout.jobs import JobState, NodeJob
from kata_components.rollout.step import Action, Step, step_of
from kata_components.rollout.taints import Toleration, blocking


def _as_it_is(step: Step) -> Step:
    return step


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the configuration says about planning. `sizes` are the waves, `digests` as `host_digests` gives them.

    `tolerations` are those of the per-node Jobs where taints keep them off nodes, None where they do not. `bound` turns
    a step into the one that may be taken, before waves and canaries are chosen: an approval skips what it lacks.
    """

    suffix: str
    digests: Mapping[int, str]
    sizes: Sequence[waves.Size] = ()
    soak_seconds: int = 0
    not_ready: Literal["skip", "attempt"] = "skip"
    existing: Literal["adopt", "install"] | None = None
    tolerations: Sequence[Toleration] | None = None
    bound: Callable[[Step], Step] = _as_it_is

    @property
    def digest(self) -> str:
        """The digest that this rollout installs."""
        return host_digest.current(self.digests)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All selected nodes in the order they are taken, the pending ones first.

    `opens_in` is how many seconds of a soak are left that an earlier run was cut off in. `installs` are the nodes whose
    install Job has succeeded, `cleanups` those, selected or not, whose cleanup Job is not needed any more once the plan
    is carried out.
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

    @property
    def counts(self) -> dict[str, int]:
        """How many nodes each action has, in the order of the actions; those with none are left out."""
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
) -> Plan:
    """Return the plan for the selected nodes, given the per-node Jobs the cluster holds.

    `now` is the time of day, which only says how long a soak still takes; without it none is waited for. `deselected`
    are the other nodes with our mark: a cleanup Job there tells that only the mark is left to remove.
    """
    known = {(job.node, job.stage): job for job in jobs}
    found = [
        Facts(
            node=node,
            job=known.get((node.metadata.name, "install")),
            cleanup=known.get((node.metadata.name, "cleanup")),
            suffix=rules.suffix,
            digests=rules.digests,
        )
        for node in waves.interleaved(nodes)
    ]
    steps = {facts.name: rules.bound(_step(facts, rules)) for facts in found}
    pending = list(_waves(found, steps, rules))
    placed = {step.node for step in pending}
    settled = [
        step.skipped("beyond the last wave") if step.action.pending else step
        for step in steps.values()
        if step.node not in placed
    ]
    finished = {place for place, job in known.items() if job.state is JobState.SUCCEEDED}
    # One that still runs has ended when the node is installed.
    ending = {(job.node, job.stage) for job in known.values() if job.active and job.node in steps}
    return Plan(
        digest=rules.digest,
        steps=(*pending, *settled),
        opens_in=_soak_left(found, steps, pending, rules, now) if pending and now else 0.0,
        installs=frozenset(node for node, stage in finished if stage == "install"),
        cleanups=frozenset(node for node, stage in finished | ending if stage == "cleanup").difference(deselected),
    )


def _soak_left(
    found: Sequence[Facts], steps: Mapping[str, Step], pending: Sequence[Step], rules: Rules, now: datetime
) -> float:
    """Return how many seconds the first wave with Jobs has still to wait: none if it was open already."""
    first = min((step.wave for step in pending if step.action is not Action.ADOPT), default=0)
    if _is_open(first, found, steps, rules):
        return 0.0
    done = [facts for facts in found if steps[facts.name].action is Action.UP_TO_DATE and not facts.is_adopted]
    return soak.seconds_left((facts.mark.time for facts in done if facts.mark), rules.soak_seconds, now)


def _is_open(wave: int, found: Sequence[Facts], steps: Mapping[str, Step], rules: Rules) -> bool:
    """Whether a wave was open before: more nodes are done or begun than the waves before it let in.

    Newcomers of a finished fleet are of such a wave.
    """
    done = sum(steps[facts.name].action is Action.UP_TO_DATE and not facts.is_adopted for facts in found)
    begun = sum(steps[facts.name].is_begun for facts in found)
    return done + begun > waves.reach(rules.sizes[:wave], (facts.node for facts in found))


def _waves(found: Sequence[Facts], steps: Mapping[str, Step], rules: Rules) -> Iterable[Step]:
    """Return the pending steps that the waves let in, in order.

    Nodes in the middle of things come before fresh ones, whatever the wave: a running Job is waited for, and a failed
    node is known to the budget already, so trying it again costs nothing new. Where no node of their kind is done, they
    are its canaries: running `up` again must not break one node more each time. Nodes to adopt come with them, since no
    Job runs there. For the same reason they are no canaries, then or later: they prove nothing of their kind.
    """
    planned = [(facts, steps[facts.name]) for facts in found]
    done = [facts for facts, step in planned if step.action is Action.UP_TO_DATE]
    proven = [facts.node for facts in done if not facts.is_adopted]
    begun = [facts.node for facts, step in planned if step.is_begun]
    adopted = [facts.node for facts, step in planned if step.action is Action.ADOPT]
    fresh = [
        f.node for f, step in planned if step.action.pending and not (step.is_begun or step.action is Action.ADOPT)
    ]
    canaries = waves.canaries(begun, proven) if waves.CANARY in rules.sizes else []
    started = len(done) + len(begun) + len(adopted)
    cut = waves.split(fresh, tried=[*proven, *begun], started=started, sizes=rules.sizes, total=len(found))
    first = next((number for number, nodes in enumerate(cut) if nodes), 0)
    # Of a wave that was open already nothing has to wait again, but for canaries.
    wave = first if _is_open(first, found, steps, rules) and not canaries else 0
    for node in (*begun, *adopted):
        yield replace(steps[node.metadata.name], wave=wave, canary=node in canaries)
    for number, nodes in enumerate(cut):
        canary = bool(rules.sizes) and rules.sizes[number] == waves.CANARY
        for node in nodes:
            yield replace(steps[node.metadata.name], wave=number, canary=canary)


def _step(facts: Facts, rules: Rules) -> Step:
    action, reason = _verdict(facts, rules)
    if action.pending and action is not Action.RESUME and facts.is_worked_on:
        reason += "; waits for the Job that runs there now"
    step = step_of(facts.node, action, reason, facts.job)
    return replace(step, failed_before=facts.has_failed, failed_at=facts.failed_at)


def _verdict(facts: Facts, rules: Rules) -> tuple[Action, str]:
    """Return what to do with one node and why, waves aside."""
    node = facts.node
    if facts.mark and facts.is_up_to_date:
        return Action.UP_TO_DATE, f"installed {facts.mark.time}"
    if facts.is_installed:
        return Action.RESUME, "its Job succeeded, the mark is missing"
    if not node.ready and rules.not_ready == "skip":
        return Action.SKIPPED, "node is NotReady"
    if rules.tolerations is not None and (taint := blocking(node, rules.tolerations)):
        return Action.SKIPPED, f"{_TAINTED}{taint}"
    if facts.is_undone:
        return Action.INSTALL, "its cleanup was begun"
    return _of_job(facts) or _of_mark(facts) or _of_label(facts, rules)


def _of_job(facts: Facts) -> tuple[Action, str] | None:
    job = facts.own_job
    if job is None:
        return None
    if job.state is JobState.FAILED:
        return Action.RETRY, f"failed before: {job.failure or 'no reason given'}"
    # One that succeeded and was cleaned since says nothing of the host any more.
    return (Action.RESUME, "its Job is running") if job.active else None


def _of_mark(facts: Facts) -> tuple[Action, str] | None:
    mark = facts.mark
    if mark is None:
        return None
    if not mark.is_of(facts.node):
        return Action.REBUILT, f"the machine marked {mark.time} is gone, this is another one"
    if mark.failed == facts.digest:
        return Action.RETRY, "failed before, and the next try was cut off"
    if not mark.digest:
        return Action.INSTALL, f"{'an earlier install' if mark.kata_version else 'its cleanup'} was cut off"
    if facts.job and facts.is_marked_current:
        return Action.UPGRADE, f"a Job of digest {facts.job.digest} has worked on it since it was installed"
    return Action.UPGRADE, f"kata {mark.kata_version} digest {mark.digest} is installed"


def _of_label(facts: Facts, rules: Rules) -> tuple[Action, str]:
    node, job = facts.node, facts.job
    value = node.metadata.label(names.RUNTIME_LABEL)
    if job is not None and job.digest and job.is_of(node):
        return Action.INSTALL, f"a Job of digest {job.digest} was begun"
    # Also with a Job stamped for the machine before: when that was replaced in mid-work, its Job labelled this one.
    if value is None or (job is not None and job.digest):
        return Action.INSTALL, "new node"
    if node.metadata.label(names.mark_label(rules.suffix)) == "false":
        return Action.INSTALL, "an earlier install was cut off"
    if rules.existing is None:
        return Action.SKIPPED, _UNCLAIMED
    action = Action.ADOPT if rules.existing == "adopt" and value == "true" else Action.INSTALL
    return action, f"carries {names.RUNTIME_LABEL}={value} without a mark of ours"


_UNCLAIMED: Final = "carries Kata's label without a mark of ours"
_TAINTED: Final = "not tolerated by its Job: taint "


def unclaimed(plan: Plan) -> list[str]:
    """Return the nodes that carry Kata's label but no mark of ours, when nothing says what to do with them."""
    return [step.node for step in plan.steps if step.reason == _UNCLAIMED]


def tainted(plan: Plan) -> set[str]:
    """Return the nodes that are left alone because of a taint."""
    return {step.node for step in plan.steps if step.reason.startswith(_TAINTED)}
