"""The plan of a cleanup: which nodes may have something of this installation. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import node_mark, waves
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.plan import Plan
from kata_components.planning.step import Action, Step, step_of
from kata_components.planning.verdict import Rules

DESELECTED: Final = "carries our mark, is no longer selected"


def cleanup_plan(
    nodes: Sequence[Node],
    jobs: Iterable[NodeJob],
    suffix: str,
    digest: str,
    *,
    namespace: str = "",
    claimed: Collection[str] = (),
) -> Plan:
    """Return the plan that removes this installation from every node that may have some of it.

    That is every node with our mark, whatever machine it was written for; every node with an
    install Job of ours, since one that failed or was interrupted may have left half an
    installation; and every `claimed` node with Kata's label, unless the mark of another
    installation explains it. Nodes marked by an installation in another namespace are left to that
    one. `claimed` are the nodes this installation was given: there the label is ours even if mark
    and Job were deleted. NotReady nodes are skipped: nothing runs there.
    """
    known = list(jobs)
    touched = {job.node for job in known if job.kind == "install"}
    cleanups = {job.node: job for job in known if job.kind == "cleanup"}
    steps = []
    for node in waves.interleaved(nodes):
        name = node.metadata.name
        written = node.metadata.annotation(names.mark_annotation(suffix)) is not None
        if written and not node_mark.has_ours(node.metadata, namespace, suffix):
            continue
        reason = _reason(node, marked=written, touched=name in touched, claimed=name in claimed)
        if reason:
            verdict = (Action.CLEANUP, reason) if node.ready else (Action.SKIPPED, node.not_ready)
            job = cleanups.get(name)
            # A Job that has cleaned the node only waits for the mark to be removed: not stale.
            fits = name not in touched and _cleaned(node, job, suffix, digest)
            step = step_of(node, *verdict, None if fits else job)
            shared = node_mark.others_are_whole(node, suffix)
            steps.append(replace(step, failed_before=_half_cleaned(node, job), keeps_label=shared))
    return Plan(digest=digest, steps=tuple(steps))


def deselected_plan(
    nodes: Sequence[Node], jobs: Iterable[NodeJob], digest: str, rules: Rules
) -> Plan:
    """Return the plan that cleans `nodes`, which all carry our mark and are no longer selected.

    `digest` is that of the cleanup. Of the rules, only the installation and the approval count.
    """
    planned = cleanup_plan(nodes, jobs, rules.suffix, digest, namespace=rules.namespace)
    return Plan(
        digest=digest, steps=tuple(rules.bound(_deselected(step)) for step in planned.steps)
    )


def _deselected(step: Step) -> Step:
    return replace(step, reason=DESELECTED) if step.action is Action.CLEANUP else step


def _reason(node: Node, *, marked: bool, touched: bool, claimed: bool) -> str:
    if marked:
        return "carries our mark"
    if touched:
        return "had an install Job of ours"
    labelled = node.metadata.label(names.RUNTIME_LABEL) is not None
    if (
        claimed
        and labelled
        and not any(map(names.is_mark_annotation, node.metadata.annotations or {}))
    ):
        return "carries Kata's label"
    return ""


def _half_cleaned(node: Node, job: NodeJob | None) -> bool:
    """Whether that Job failed on this machine after removing the label, which it does first."""
    failed = job is not None and job.state is JobState.FAILED and job.is_of(node)
    return failed and node.metadata.label(names.RUNTIME_LABEL) is None


def _cleaned(node: Node, job: NodeJob | None, suffix: str, digest: str) -> bool:
    """Whether that cleanup Job succeeded on this machine, and no install has succeeded since."""
    if job is None or job.digest != digest or not job.is_of(node):
        return False
    labels = [
        node.metadata.label(key) for key in (names.RUNTIME_LABEL, names.instance_label(suffix))
    ]
    return job.state is JobState.SUCCEEDED and labels == [None, None]
