"""What a rollout does with one node, and why: decided from the facts about it alone. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import demands, host_digest
from kata_components.planning.demands import Demands
from kata_components.planning.node_jobs import JobState
from kata_components.planning.node_state import NodeState
from kata_components.planning.step import Action, Barrier, Step
from kata_components.planning.taints import Toleration, blocking
from kata_components.settings.wave_sizes import Size


def _as_it_is(step: Step) -> Step:
    return step


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the configuration says about planning.

    `waves` are their sizes, `digests` as `host_digests` gives them.

    `suffix` and `namespace` say whose plan it is.

    `installed_until`: of the nodes that do not say what their container runtime serves, those made
    up to then may have Kata of something else (RFC 3339, UTC; empty: none). `tolerations` are those
    of the per-node Jobs where taints keep them off nodes, None where they do not. `bound` turns a
    step into the one that may be taken, before waves and canaries are chosen: an approval skips
    what it lacks.
    """

    suffix: str
    digests: Mapping[int, str]
    namespace: str = ""
    waves: Sequence[Size] = ()
    soak_seconds: int = 0
    not_ready: Literal["skip", "attempt"] = "skip"
    existing: Literal["adopt", "install"] | None = None
    tolerations: Sequence[Toleration] | None = None
    demands: Demands = demands.NONE
    installed_until: str = "9999"
    bound: Callable[[Step], Step] = _as_it_is

    @property
    def digest(self) -> str:
        """The digest that this rollout installs."""
        return host_digest.current(self.digests)


class Verdict(NamedTuple):
    """What to do with a node and why.

    `barrier` is what keeps a skipped one from being worked on.
    """

    action: Action
    reason: str
    barrier: Barrier | None = None


def verdict(facts: NodeState, rules: Rules) -> Verdict:
    """Return what to do with one node and why, waves aside."""
    return (
        _not_ours(facts)
        or _done(facts, rules)
        or _barred(facts, rules)
        or _of_cleanup(facts)
        or _of_job(facts)
        or _unserved(facts, rules)
        or _of_trace(facts)
        or _of_mark(facts)
        or _of_label(facts, rules)
    )


def _not_ours(facts: NodeState) -> Verdict | None:
    if facts.other_namespace:
        reason = f"carries the mark of the installation in namespace {facts.other_namespace}"
        return Verdict(Action.SKIPPED, reason, Barrier.MARKED_ELSEWHERE)
    if facts.mark and facts.mark.is_newer:
        reason = f"carries a mark of a newer version of this program (schema {facts.mark.schema})"
        return Verdict(Action.SKIPPED, reason, Barrier.MARKED_NEWER)
    return None


def _done(facts: NodeState, rules: Rules) -> Verdict | None:
    if facts.mark and facts.is_whole:
        if _is_mistaken(facts, rules):
            return None
        missing = rules.demands.missing_labels(facts.node)
        if not missing:
            return Verdict(Action.UP_TO_DATE, f"installed {facts.mark.time}")
        if rules.demands.is_served_by(facts.node) is not False:
            return Verdict(Action.RELABEL, f"installed {facts.mark.time}, but {_untrue(missing)}")
    if facts.is_installed:
        return Verdict(Action.RESUME, "its Job succeeded, the mark is missing")
    return None


def _barred(facts: NodeState, rules: Rules) -> Verdict | None:
    """Return why no Job can run on the node now."""
    if unfit := rules.demands.unfit(facts.node):
        return Verdict(Action.SKIPPED, unfit, Barrier.UNFIT)
    if distribution := rules.demands.other_distribution(facts.node):
        return Verdict(Action.SKIPPED, f"is a node of {distribution}", Barrier.OTHER_DISTRIBUTION)
    if not facts.node.ready and rules.not_ready == "skip":
        return Verdict(Action.SKIPPED, facts.node.not_ready, Barrier.NOT_READY)
    if rules.tolerations is not None and (taint := blocking(facts.node, rules.tolerations)):
        return Verdict(Action.SKIPPED, f"not tolerated by its Job: taint {taint}", Barrier.TAINT)
    return None


def _of_cleanup(facts: NodeState) -> Verdict | None:
    return Verdict(Action.INSTALL, "its cleanup was begun") if facts.is_undone else None


def _of_job(facts: NodeState) -> Verdict | None:
    job = facts.own_job
    if job is None:
        return None
    if job.state is JobState.FAILED:
        return Verdict(Action.RETRY, f"failed before: {job.failure or 'no reason given'}")
    # One that succeeded and was cleaned since says nothing of the host any more.
    return Verdict(Action.RESUME, "its Job is running") if job.active else None


def _unserved(facts: NodeState, rules: Rules) -> Verdict | None:
    """Return what becomes of a node whose mark is whole, but neither its labels nor its container runtime agree."""
    if not facts.is_whole:
        return None
    if _is_mistaken(facts, rules):
        return Verdict(Action.INSTALL, "was adopted, but nothing shows that Kata is there")
    missing = _untrue(rules.demands.missing_labels(facts.node))
    return Verdict(
        Action.INSTALL, f"{missing}, and its container runtime serves no handler of ours"
    )


def _of_trace(facts: NodeState) -> Verdict | None:
    """Return what becomes of a node on which something was begun and is not whole."""
    mark = facts.own_mark
    if mark is None:
        return None
    if mark.failed == facts.digest:
        return Verdict(Action.RETRY, "failed before, and its Job is gone")
    if mark.failed:
        return Verdict(Action.INSTALL, f"an install of digest {mark.failed} failed")
    if not mark.digest:
        return Verdict(
            Action.INSTALL,
            f"{'an earlier install' if mark.kata_version else 'its cleanup'} was cut off",
        )
    return None


def _of_mark(facts: NodeState) -> Verdict | None:
    mark = facts.mark
    if mark is None:
        unreadable = facts.has_unreadable_mark
        return Verdict(Action.INSTALL, "its mark cannot be read") if unreadable else None
    if not mark.is_of(facts.node):
        return Verdict(
            Action.REBUILT, f"the machine marked {mark.time} is gone, this is another one"
        )
    if facts.job and facts.is_marked_current:
        return Verdict(
            Action.UPGRADE,
            f"a Job of digest {facts.job.digest} has worked on it since it was installed",
        )
    return Verdict(Action.UPGRADE, f"kata {mark.kata_version} digest {mark.digest} is installed")


def _untrue(labels: Sequence[str]) -> str:
    named = " and ".join(labels)
    return (
        f"the label {named} is not true" if len(labels) == 1 else f"the labels {named} are not true"
    )


def _of_label(facts: NodeState, rules: Rules) -> Verdict:
    node, job = facts.node, facts.job
    value = node.metadata.label(names.RUNTIME_LABEL)
    if job is not None and job.digest and job.is_of(node):
        return Verdict(Action.INSTALL, f"a Job of digest {job.digest} was begun")
    # Also with a Job stamped for the machine before: when that was replaced in mid-work, its Job
    # labelled this one.
    if value is None or (job is not None and job.digest):
        return Verdict(Action.INSTALL, "new node")
    if node.metadata.label(names.instance_label(rules.suffix)) == "false":
        return Verdict(Action.INSTALL, "an earlier install was cut off")
    return _of_foreign_label(node, value, rules)


def _of_foreign_label(node: Node, value: str, rules: Rules) -> Verdict:
    """Return what becomes of a node with Kata's label on which nothing of ours has been."""
    if rules.existing is None:
        return Verdict(
            Action.SKIPPED, "carries Kata's label without a mark of ours", Barrier.UNCLAIMED
        )
    found = f"carries {names.RUNTIME_LABEL}={value} without a mark of ours"
    if rules.existing == "install" or value != "true":
        return Verdict(Action.INSTALL, found)
    if rules.demands.is_installed_on(node, rules.installed_until):
        return Verdict(Action.ADOPT, found)
    advice = "nothing shows that Kata is there: `rollout.existing install` would install it"
    return Verdict(Action.SKIPPED, f"{found}, and {advice}", Barrier.UNPROVEN)


def _is_mistaken(facts: NodeState, rules: Rules) -> bool:
    """Whether a node was adopted for a label that it may have been born with, and is to be installed after all."""
    if not facts.is_adopted or rules.existing != "install":
        return False
    return not rules.demands.is_installed_on(facts.node, rules.installed_until)
