"""What a rollout does with one node, and why: decided from the state of that node. Pure."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from kata_components import names
from kata_components.foreign import bounded
from kata_components.kubernetes.nodes import Node
from kata_components.planning import demands, host_digest
from kata_components.planning.demands import Demands
from kata_components.planning.node_jobs import JobState, NodeJob, described, unreported
from kata_components.planning.node_results import error_since
from kata_components.planning.node_state import NodeState
from kata_components.planning.step import Action, Barrier, Step
from kata_components.planning.taints import Toleration, blocking, startup_taints, written
from kata_components.settings.wave_sizes import Size

NEW: Final = "new node"
"""The reason of an install where nothing has ever been installed."""


def _unbound(step: Step) -> Step:
    return step


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What the configuration says about planning."""

    suffix: str
    """The suffix of the installation."""
    digests: Mapping[int, str]
    """What is to be installed, as `host_digests` returns it."""
    namespace: str = ""
    """The namespace of the installation."""
    waves: Sequence[Size] = ()
    """The sizes of the waves."""
    soak_seconds: int = 0
    not_ready: Literal["skip", "attempt"] = "skip"
    existing: Literal["adopt", "install"] | None = None
    tolerations: Sequence[Toleration] | None = None
    """Those of the per-node Jobs, None if taints do not keep Jobs off nodes."""
    demands: Demands = demands.NONE
    installed_until: str = "9999"
    """Nodes created up to then may have Kata from something else if they do not report what their
    container runtime serves (RFC 3339, UTC; empty: none)."""
    token_free: bool = False
    """Whether the per-node Jobs leave labels and taints of their node to whoever paces."""
    bound: Callable[[Step], Step] = _unbound
    """Restricts a step to what was approved, before waves and canaries are chosen."""

    @property
    def digest(self) -> str:
        """The digest that this rollout installs."""
        return host_digest.current(self.digests)


class Verdict(NamedTuple):
    """What to do with a node and why."""

    action: Action
    reason: str
    barrier: Barrier | None = None
    """What keeps a skipped node from being worked on."""


def verdict(state: NodeState, rules: Rules) -> Verdict:
    """Return what to do with one node and why, apart from waves."""
    return (
        _not_ours(state)
        or _done(state, rules)
        or barred(state.node, rules)
        or _of_cleanup(state)
        or _of_job(state)
        or _unserved(state, rules)
        or _of_trace(state)
        or _of_mark(state)
        or _of_label(state, rules)
    )


def _not_ours(state: NodeState) -> Verdict | None:
    if state.other_namespace:
        reason = f"marked by the installation in namespace {state.other_namespace}"
        return Verdict(Action.SKIPPED, reason, Barrier.MARKED_ELSEWHERE)
    if state.mark and state.mark.is_newer:
        reason = f"marked by a newer version of this program (schema {state.mark.schema})"
        return Verdict(Action.SKIPPED, reason, Barrier.MARKED_NEWER)
    return None


def _done(state: NodeState, rules: Rules) -> Verdict | None:
    if state.mark and state.is_whole:
        if _is_mistaken(state, rules):
            return None
        missing = rules.demands.missing_labels(state.node)
        serves = rules.demands.is_served_by(state.node)
        if missing and serves is not False:
            return Verdict(Action.RELABEL, f"installed, but {_untrue(missing)}")
        if not missing:
            left = startup_taints(state.node, rules.demands.startup_taints)
            if left and serves is not False:
                still = f"installed, but the startup taint {written(left[0])} is still there"
                return Verdict(Action.RELABEL, still)
            return Verdict(Action.UP_TO_DATE, f"installed {state.mark.time}")
    if state.is_installed:
        return Verdict(Action.RESUME, "the Job succeeded, but the mark is missing")
    return None


def barred(node: Node, rules: Rules) -> Verdict | None:
    """Decide on a node on which no Job can run now."""
    if unfit := rules.demands.unfit(node):
        return Verdict(Action.SKIPPED, unfit, Barrier.UNFIT)
    if distribution := rules.demands.other_distribution(node):
        return Verdict(
            Action.SKIPPED, f"Kubernetes distribution {distribution}", Barrier.OTHER_DISTRIBUTION
        )
    if not node.ready and rules.not_ready == "skip":
        return Verdict(Action.SKIPPED, node.not_ready, Barrier.NOT_READY)
    if rules.token_free and (missing := unreported(node)):
        return Verdict(Action.SKIPPED, missing, Barrier.UNREPORTED)
    if rules.tolerations is not None and (taint := blocking(node, rules.tolerations)):
        return Verdict(Action.SKIPPED, f"tolerations do not cover the taint {taint}", Barrier.TAINT)
    return None


def _of_cleanup(state: NodeState) -> Verdict | None:
    return (
        Verdict(Action.INSTALL, "an earlier cleanup has removed Kata or part of it")
        if state.is_undone
        else None
    )


def _of_job(state: NodeState) -> Verdict | None:
    job = state.own_job
    if job is None:
        return None
    if job.state is JobState.FAILED:
        return Verdict(Action.RETRY, f"failed before: {_cause(state, job)}")
    # A Job that succeeded and was cleaned since says nothing about the host any more.
    return Verdict(Action.RESUME, "the Job is running") if job.active else None


def _cause(state: NodeState, job: NodeJob) -> str:
    """Return why a Job has failed, as far as the plan knows it, or where to look.

    What its node says of it (from 4.2.0 on) may be about the Job of a neighbour.
    """
    told = "" if state.has_neighbour else error_since(state.node.metadata, job.created)
    if told:
        return bounded(told)
    look = described(state.namespace, state.suffix, "install")
    return f"{job.failure or 'no reason given'}; see `{look}`"


def _unserved(state: NodeState, rules: Rules) -> Verdict | None:
    """Decide on a node with a whole mark that neither labels nor container runtime confirm."""
    if not state.is_whole:
        return None
    if _is_mistaken(state, rules):
        return Verdict(Action.INSTALL, "adopted, but nothing shows that Kata is there")
    missing = _untrue(rules.demands.missing_labels(state.node))
    return Verdict(
        Action.INSTALL, f"{missing}, and the container runtime reports none of Kata's handlers"
    )


def _of_trace(state: NodeState) -> Verdict | None:
    """Decide on a node on which something was begun and is incomplete."""
    mark = state.own_mark
    if mark is None:
        return None
    if mark.failed == state.digest:
        return Verdict(Action.RETRY, "failed before, and the Job is gone")
    if mark.failed:
        return Verdict(Action.INSTALL, f"an install of digest {mark.failed} failed")
    if not mark.digest:
        return Verdict(
            Action.INSTALL,
            f"an earlier {'install' if mark.kata_version else 'cleanup'} was interrupted",
        )
    return None


def _of_mark(state: NodeState) -> Verdict | None:
    mark = state.mark
    if mark is None:
        unreadable = state.has_unreadable_mark
        return Verdict(Action.INSTALL, "the mark cannot be read") if unreadable else None
    if not mark.is_of(state.node):
        return Verdict(Action.REBUILT, "replaced by another machine since the install")
    if state.job and state.is_marked_current:
        return Verdict(
            Action.UPGRADE,
            f"a Job of digest {state.job.digest} has run since the install",
        )
    return Verdict(
        Action.UPGRADE, f"Kata {mark.kata_version} with digest {mark.digest} is installed"
    )


def _untrue(labels: Sequence[str]) -> str:
    named = " and ".join(labels)
    return (
        f"the label {named} is not true" if len(labels) == 1 else f"the labels {named} are not true"
    )


def _of_label(state: NodeState, rules: Rules) -> Verdict:
    node, job = state.node, state.job
    value = node.metadata.label(names.RUNTIME_LABEL)
    if job is not None and job.digest and job.is_of(node):
        return Verdict(Action.INSTALL, f"a Job of digest {job.digest} was started")
    # Also with a Job stamped for the previous machine: if that was replaced while the Job ran, the
    # Job has labelled this one.
    if value is None or (job is not None and job.digest):
        return Verdict(Action.INSTALL, NEW)
    if node.metadata.label(names.instance_label(rules.suffix)) == "false":
        return Verdict(Action.INSTALL, "an earlier install was interrupted")
    return _of_foreign_label(node, value, rules)


def _of_foreign_label(node: Node, value: str, rules: Rules) -> Verdict:
    """Decide on a node with Kata's label on which nothing of ours has ever been."""
    found = f"labelled {names.RUNTIME_LABEL}={value}, but not marked by this stack"
    if rules.existing is None:
        return Verdict(Action.SKIPPED, found, Barrier.UNCLAIMED)
    if rules.existing == "install" or value != "true":
        return Verdict(Action.INSTALL, found)
    if rules.demands.is_installed_on(node, rules.installed_until):
        return Verdict(Action.ADOPT, found)
    advice = "nothing shows that Kata is there; rollout.existing: install would install it"
    return Verdict(Action.SKIPPED, f"{found}, and {advice}", Barrier.UNPROVEN)


def _is_mistaken(state: NodeState, rules: Rules) -> bool:
    """Whether a node was adopted for a label it may have been created with, and is to install."""
    if not state.is_adopted or rules.existing != "install":
        return False
    return not rules.demands.is_installed_on(state.node, rules.installed_until)
