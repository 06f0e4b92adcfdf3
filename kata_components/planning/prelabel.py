"""Which nodes get the label of their installation ahead of an upgrade. Pure.

From 4.1.0 on, RuntimeClasses select nodes by two labels, and they change before the nodes do. Nodes
that an older version has installed carry only the label that all installations share: until its
turn, which may be hours later, none of them could take a Kata pod.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import node_labels, node_mark
from kata_components.planning.guardrails import Refusal
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.node_mark import Machine
from kata_components.planning.step import Action, Step, step_of


@dataclass(frozen=True, kw_only=True)
class PrelabelRequest:
    """Whose nodes, and the label that RuntimeClasses are about to ask for."""

    namespace: str
    suffix: str
    kata_version: str
    """The version that is about to be installed."""
    label: str
    """The label of the installation."""

    @property
    def selector(self) -> str:
        """The label selector of the nodes in question: with the shared label, without this one."""
        return f"{names.RUNTIME_LABEL},!{self.label}"


class Prelabel(NamedTuple):
    """A node that lacks the label, and the value it gets."""

    step: Step
    value: str


def prelabels(
    nodes: Iterable[Node], jobs: Iterable[NodeJob], request: PrelabelRequest
) -> list[Prelabel]:
    """Return the nodes of an older version that lack the label, each with the shared label's value.

    `jobs` are those of the installation. Nodes that this version has worked on are left to the
    rollout, which knows more about them.
    """
    known = {(job.node, job.kind): job for job in jobs}
    found: list[Prelabel] = []
    for node in nodes:
        value = node.metadata.label(names.RUNTIME_LABEL)
        if value is None or node.metadata.label(request.label) is not None:
            continue
        name = node.metadata.name
        reason = _reason(node, known.get((name, "install")), known.get((name, "cleanup")), request)
        if reason:
            found.append(Prelabel(step_of(node, Action.RELABEL, reason, None), value))
    return found


def without_lease(count: int, lease: str, label: str, old_version: str) -> Refusal:
    """Refuse an upgrade whose nodes cannot be labelled: `lease`, the lock, was deleted."""
    need = "node needs" if count == 1 else "nodes need"
    return Refusal(
        f"{count} {need} the label {label} before RuntimeClasses ask for it. Setting it takes the "
        f"Lease {lease}, which was deleted: run `pulumi up` with kataVersion {old_version}, which "
        "restores it, then upgrade."
    )


def _reason(
    node: Node, install: NodeJob | None, cleanup: NodeJob | None, request: PrelabelRequest
) -> str:
    """Return what shows that an older version of this installation is on the node, if anything."""
    annotation = node.metadata.annotation(names.mark_annotation(request.suffix))
    mark = node_mark.parse(annotation)
    if mark and (mark.is_newer or mark.is_of_another(request.namespace)):
        return ""
    if mark and mark.is_of(node):
        # A cleanup that was begun leaves a mark without a version. After half an install, the
        # shared label may be about another installation alone.
        older = mark.kata_version not in {"", request.kata_version}
        shared = node_labels.is_shared(node.metadata, request.suffix, Machine.of(node))
        whole = mark.digest or not shared
        return f"Kata {mark.kata_version} is installed" if older and whole else ""
    if install is None or install.state is not JobState.SUCCEEDED or not install.is_of(node):
        return ""
    undone = cleanup and cleanup.is_of(node) and cleanup.created >= install.created
    return "" if undone else "the Job succeeded, but the mark is missing"
