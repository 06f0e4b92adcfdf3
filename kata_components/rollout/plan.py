"""The plan: what the next rollout does to each selected node, and why. Pure; the same facts give the same plan."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, Literal, Self

from kata_components import names
from kata_components.kubernetes.objects import Node
from kata_components.rollout import digest as host_digest
from kata_components.rollout import mark as node_mark
from kata_components.rollout import waves
from kata_components.rollout.jobs import JobState, NodeJob
from kata_components.rollout.mark import Mark
from kata_components.rollout.taints import Toleration, blocking


class Action(StrEnum):
    """What happens to a node. The values stand in plan.json."""

    INSTALL = "install"
    UPGRADE = "upgrade"
    REBUILT = "rebuilt"
    RETRY = "retry"
    RESUME = "resume"
    ADOPT = "adopt"
    CLEANUP = "cleanup"
    UP_TO_DATE = "upToDate"
    SKIPPED = "skipped"

    @property
    def pending(self) -> bool:
        """Whether the rollout will touch the node."""
        return self not in {Action.UP_TO_DATE, Action.SKIPPED}


@dataclass(frozen=True, kw_only=True)
class Step:
    """One node of the plan.

    `wave` counts from 0; `canary` marks the nodes whose failure stops everything. `stale_job` is the UID of a Job that
    ended before and says nothing about this step: it has to go before the step's own. `failed_before`: its Job at this
    digest failed, which counts even where the node is left alone now; for a cleanup, its Job has left half of it.
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

    def skipped(self, reason: str) -> Self:
        """Return the step as one that is not taken."""
        return replace(self, action=Action.SKIPPED, reason=reason)


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the configuration says about planning. `sizes` are the waves, `digests` as `host_digests` gives them.

    `tolerations` are those of the per-node Jobs where taints keep them off nodes, None where they do not.
    """

    suffix: str
    digests: Mapping[int, str]
    sizes: Sequence[waves.Size] = ()
    not_ready: Literal["skip", "attempt"] = "skip"
    existing: Literal["adopt", "install"] | None = None
    tolerations: Sequence[Toleration] | None = None

    @property
    def digest(self) -> str:
        """The digest that this rollout installs."""
        return host_digest.current(self.digests)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """All selected nodes in the order they are taken, the pending ones first.

    `cleanups` are the nodes, selected or not, whose cleanup Job has not failed and is not needed any more once the plan
    is carried out.
    """

    digest: str
    steps: tuple[Step, ...]
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
        """How many nodes that need nothing have a finished Job: a run was cut off before it removed them."""
        done = [step for step in self.steps if step.action is Action.UP_TO_DATE]
        return sum(bool(step.stale_job) or step.node in self.cleanups for step in done) + len(self.cleaned)

    @property
    def cleaned(self) -> frozenset[str]:
        """The nodes that are not selected and have a cleanup Job that is not needed any more."""
        return self.cleanups.difference(step.node for step in self.steps)


NOTHING: Final = Plan(digest="", steps=())


def plan(
    nodes: Sequence[Node], jobs: Iterable[NodeJob], rules: Rules, *, deselected: Collection[str] = frozenset()
) -> Plan:
    """Return the plan for the selected nodes, given the per-node Jobs the cluster holds.

    `deselected` are the other nodes with our mark: a cleanup Job there tells that only the mark is left to remove.
    """
    known = list(jobs)
    by_node = {job.node: job for job in known if job.stage == "install"}
    cleanups = {job.node: job for job in known if job.stage == "cleanup"}
    ordered = waves.interleaved(nodes)
    steps = {}
    for node in ordered:
        job = by_node.get(node.metadata.name)
        verdict = _verdict(node, job, cleanups.get(node.metadata.name), rules)
        failed = verdict[0] is Action.RETRY or (verdict[0] is Action.SKIPPED and _has_failed(node, job, rules))
        steps[node.metadata.name] = replace(step_of(node, *verdict, job), failed_before=failed)
    pending = list(_waves(ordered, steps, rules))
    placed = {step.node for step in pending}
    settled = [
        step.skipped("beyond the last wave") if step.action.pending else step
        for step in steps.values()
        if step.node not in placed
    ]
    spent = {node for node, job in cleanups.items() if job.state is not JobState.FAILED}
    return Plan(digest=rules.digest, steps=(*pending, *settled), cleanups=frozenset(spent.difference(deselected)))


def _waves(ordered: Sequence[Node], steps: Mapping[str, Step], rules: Rules) -> Iterable[Step]:
    """Return the pending steps that the waves let in, in order.

    Nodes in the middle of things come before fresh ones, whatever the wave: a running Job is waited for, and a failed
    node is known to the budget already, so trying it again costs nothing new. Where no node of their kind is done, they
    are its canaries: running `up` again must not break one node more each time.
    """
    done = [node for node in ordered if steps[node.metadata.name].action is Action.UP_TO_DATE]
    begun = [node for node in ordered if steps[node.metadata.name].action in {Action.RESUME, Action.RETRY}]
    fresh = [n for n in ordered if steps[n.metadata.name].action.pending and n not in begun]
    canaries = waves.canaries(begun, done) if waves.CANARY in rules.sizes else []
    for node in begun:
        yield replace(steps[node.metadata.name], canary=node in canaries)
    cut = waves.split(fresh, done=done, begun=begun, sizes=rules.sizes, total=len(ordered))
    for number, nodes in enumerate(cut):
        canary = bool(rules.sizes) and rules.sizes[number] == waves.CANARY
        for node in nodes:
            yield replace(steps[node.metadata.name], wave=number, canary=canary)


def step_of(node: Node, action: Action, reason: str, job: NodeJob | None) -> Step:
    """Return the step of a node; `job` is the one of the paced stage that was found there."""
    ended = job is not None and not job.active and action is not Action.RESUME
    return Step(
        node=node.metadata.name,
        node_uid=node.metadata.uid,
        machine_id=node.info.machine_id,
        action=action,
        reason=reason,
        stale_job=job.uid if job and ended else "",
    )


def _verdict(node: Node, job: NodeJob | None, cleanup: NodeJob | None, rules: Rules) -> tuple[Action, str]:
    """Return what to do with one node and why, waves aside."""
    undone = _is_undone(node, cleanup, rules)
    mark = node_mark.parse(node.metadata.annotation(names.mark_annotation(rules.suffix)))
    if mark and mark.is_of(node) and _is_current(mark, rules) and not undone and not _has_worked_since(node, job, mark):
        return Action.UP_TO_DATE, f"installed {mark.time}"
    if not undone and _is_installed_by(node, job, rules):
        return Action.RESUME, "its Job succeeded, the mark is missing"
    if not node.ready and rules.not_ready == "skip":
        return Action.SKIPPED, "node is NotReady"
    if rules.tolerations is not None and (taint := blocking(node, rules.tolerations)):
        return Action.SKIPPED, f"{_TAINTED}{taint}"
    if undone:
        return Action.INSTALL, "its cleanup was begun"
    return _of_job(node, job, rules) or _of_mark(node, mark, job, rules) or _of_label(node, job, rules)


def _is_current(mark: Mark, rules: Rules) -> bool:
    return rules.digests.get(mark.schema) == mark.digest


def _has_worked_since(node: Node, job: NodeJob | None, mark: Mark) -> bool:
    """Return whether a Job is on that machine that is not the one the mark was written for."""
    if job is None or not job.is_of(node):
        return False
    return (job.digest, job.state) != (mark.digest, JobState.SUCCEEDED)


def _is_undone(node: Node, cleanup: NodeJob | None, rules: Rules) -> bool:
    """Return whether a cleanup has begun on that machine: it runs, or has taken the label, which goes first."""
    if cleanup is None or not cleanup.is_of(node):
        return False
    return cleanup.active or not _is_labelled(node, rules)


def _is_labelled(node: Node, rules: Rules) -> bool:
    """Return whether the node is labelled as installed.

    From 4.1.0 on an installation has a label of its own beside the one that all share. Either is `false` from the
    beginning of an install to its end, and from the beginning of a cleanup on.
    """
    own = node.metadata.label(names.mark_label(rules.suffix))
    return node.metadata.label(names.RUNTIME_LABEL) == "true" and own in {None, "true"}


def _is_installed_by(node: Node, job: NodeJob | None, rules: Rules) -> bool:
    """Return whether that Job has succeeded on this machine at this digest, and nothing has cleaned since.

    Such a node needs no Job any more, so it does not matter whether it is Ready.
    """
    if job is None or not _is_of(job, node, rules):
        return False
    return job.state is JobState.SUCCEEDED and _is_labelled(node, rules)


def _has_failed(node: Node, job: NodeJob | None, rules: Rules) -> bool:
    return job is not None and job.state is JobState.FAILED and _is_of(job, node, rules)


def _is_of(job: NodeJob, node: Node, rules: Rules) -> bool:
    return job.digest == rules.digest and job.is_of(node)


def _of_job(node: Node, job: NodeJob | None, rules: Rules) -> tuple[Action, str] | None:
    if job is None or not _is_of(job, node, rules):
        return None
    if job.state is JobState.FAILED:
        return Action.RETRY, f"failed before: {job.failure or 'no reason given'}"
    # One that succeeded and was cleaned since says nothing of the host any more.
    return (Action.RESUME, "its Job is running") if job.active else None


def _of_mark(node: Node, mark: Mark | None, job: NodeJob | None, rules: Rules) -> tuple[Action, str] | None:
    if mark is None:
        return None
    if not mark.is_of(node):
        return Action.REBUILT, f"the machine marked {mark.time} is gone, this is another one"
    if mark.failed == rules.digest:
        return Action.RETRY, "failed before, and the next try was cut off"
    if not mark.digest:
        return Action.INSTALL, f"{'an earlier install' if mark.kata_version else 'its cleanup'} was cut off"
    if job and _is_current(mark, rules):
        return Action.UPGRADE, f"a Job of digest {job.digest} has worked on it since it was installed"
    return Action.UPGRADE, f"kata {mark.kata_version} digest {mark.digest} is installed"


def _of_label(node: Node, job: NodeJob | None, rules: Rules) -> tuple[Action, str]:
    value = node.metadata.label(names.RUNTIME_LABEL)
    # Also a Job stamped for the machine before: when that was replaced in mid-work, its Job labelled this one.
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
