"""The plan of a cleanup: which nodes may have something of this installation. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Final

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import node_labels, node_mark, waves
from kata_components.planning.node_jobs import JobState, NodeJob, unreported
from kata_components.planning.node_mark import Machine, is_since
from kata_components.planning.plan import Plan
from kata_components.planning.step import Action, Step, step_of
from kata_components.planning.verdict import Rules

DESELECTED: Final = "marked by this stack, no longer selected"


def cleanup_plan(
    nodes: Sequence[Node],
    jobs: Iterable[NodeJob],
    suffix: str,
    digest: str,
    *,
    namespace: str = "",
    claimed: Collection[str] = (),
    token_free: bool = False,
) -> Plan:
    """Return the plan that removes this installation from every node that may have some of it.

    That is every node with our mark, whatever machine it was written for; every node with an
    install Job of ours, since one that failed or was interrupted may have left half an
    installation; and every `claimed` node with Kata's label, unless another installation explains
    it. Nodes marked by an installation in another namespace are left to that one. `claimed` are the
    nodes this installation was given: there the label is ours even if mark and Job were deleted.
    NotReady nodes are skipped: nothing runs there. `token_free`: so are those that do not report
    yet what their Jobs must be told.
    """
    known = list(jobs)
    installs = {job.node: job for job in known if job.kind == "install"}
    cleanups = {job.node: job for job in known if job.kind == "cleanup"}
    steps = []
    for node in waves.interleaved(nodes):
        name = node.metadata.name
        annotation = node.metadata.annotation(names.mark_annotation(suffix))
        written = annotation is not None
        if written and not node_mark.has_ours(node.metadata, namespace, suffix):
            continue
        reason = _reason(
            node, suffix, marked=written, touched=name in installs, claimed=name in claimed
        )
        if reason:
            barrier = node.not_ready if not node.ready else unreported(node) if token_free else ""
            verdict = (Action.SKIPPED, barrier) if barrier else (Action.CLEANUP, reason)
            job = cleanups.get(name)
            # A Job that has cleaned the node only waits for the mark to be removed: not stale.
            fits = _cleaned(node, job, installs.get(name), suffix, digest, token_free=token_free)
            step = step_of(node, *verdict, None if fits else job)
            shared = node_labels.is_shared(node.metadata, suffix, step.machine)
            mark = node_mark.parse(annotation)
            steps.append(
                replace(
                    step,
                    installed=mark if mark and mark.is_of(node) else None,
                    failed_before=_half_cleaned(node, job),
                    keeps_label=shared,
                )
            )
    return Plan(digest=digest, steps=tuple(steps))


def deselected_plan(
    nodes: Sequence[Node], jobs: Iterable[NodeJob], digest: str, rules: Rules
) -> Plan:
    """Return the plan that cleans `nodes`, which all carry our mark and are no longer selected.

    `digest` is that of the cleanup. Of the rules, only the installation and the approval count.
    """
    planned = cleanup_plan(
        nodes,
        jobs,
        rules.suffix,
        digest,
        namespace=rules.namespace,
        token_free=rules.token_free,
    )
    return Plan(
        digest=digest, steps=tuple(rules.bound(_deselected(step)) for step in planned.steps)
    )


def _deselected(step: Step) -> Step:
    return replace(step, reason=DESELECTED) if step.action is Action.CLEANUP else step


def _reason(node: Node, suffix: str, *, marked: bool, touched: bool, claimed: bool) -> str:
    if marked:
        return "marked by this stack"
    if touched:
        return "with an install Job of this stack"
    seen = node.metadata
    shared = seen.label(names.RUNTIME_LABEL) is not None
    explained = any(map(names.is_mark_annotation, seen.annotations or {})) or node_labels.is_shared(
        seen, suffix, Machine.of(node)
    )
    labelled = seen.label(names.instance_label(suffix)) is not None or (shared and not explained)
    return "with Kata's label" if claimed and labelled else ""


def _half_cleaned(node: Node, job: NodeJob | None) -> bool:
    """Whether that Job failed on this machine."""
    return job is not None and job.state is JobState.FAILED and job.is_of(node)


def _cleaned(
    node: Node,
    job: NodeJob | None,
    install: NodeJob | None,
    suffix: str,
    digest: str,
    *,
    token_free: bool,
) -> bool:
    """Whether that cleanup Job succeeded on this machine, and nothing was installed since."""
    if job is None or job.digest != digest or not job.is_of(node):
        return False
    if job.state is not JobState.SUCCEEDED or (install and is_since(install.created, job.created)):
        return False
    seen = node.metadata
    mark = node_mark.parse(seen.annotation(names.mark_annotation(suffix)))
    # Only the dispatcher leaves a whole mark in place while it cleans.
    if mark and not mark.is_of_cleanup and (not mark.digest or is_since(mark.time, job.created)):
        return False
    if token_free:
        return seen.label(names.instance_label(suffix)) != "true"
    # An interrupted install has set the shared label.
    is_labelled = seen.label(names.RUNTIME_LABEL) == "true"
    return not is_labelled or node_labels.is_shared(seen, suffix, Machine.of(node))
