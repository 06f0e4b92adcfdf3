"""The content of plan.json: what an approval binds of a plan, and what its reviewer sees. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any, Final, NamedTuple

from kata_components.planning import node_jobs
from kata_components.planning.plan import Plan
from kata_components.planning.step import Step
from kata_components.report.plan_record import Container, NodeKind, PlannedNode, PlanRecord, Release

SCHEMA: Final = 2

Pace = Mapping[str, object]
"""How a rollout advances: the values of the configuration that determine it, by their keys."""


class Place(NamedTuple):
    """What a plan is for."""

    stack: str
    """`project/stack`."""
    cluster_uid: str
    """The UID of the cluster's kube-system namespace."""


def document(
    plan: Plan, *, place: Place, pace: Pace, cleanup: Plan, guards: Iterable[str]
) -> PlanRecord:
    """Return each node with its action, and the guard rails to confirm."""
    nodes = [
        *(_node(step, selected=True) for step in plan.steps),
        *(_node(step, selected=False) for step in cleanup.steps),
    ]
    return PlanRecord(
        schema=SCHEMA,
        stack=place.stack,
        cluster_uid=place.cluster_uid,
        guards=tuple(sorted(guards)),
        digest=plan.digest,
        pace=dict(pace),
        counts=dict(Counter(plan.counts) + Counter(cleanup.counts)),
        nodes=tuple(sorted(nodes, key=lambda node: node.node)),
    )


def guards_only(guards: Iterable[str], place: Place) -> PlanRecord:
    """Return the document of a preview that a guard rail stopped before planning."""
    return PlanRecord(
        schema=SCHEMA,
        stack=place.stack,
        cluster_uid=place.cluster_uid,
        guards=tuple(sorted(guards)),
    )


def containers(job: Mapping[str, Any]) -> tuple[Container, ...]:
    """Return the containers of a per-node Job, in the order in which they run."""
    pod = job["spec"]["template"]["spec"]
    privileged = node_jobs.privileged(job)
    return tuple(
        Container(name=each["name"], image=each["image"], privileged=each["name"] in privileged)
        for each in [*pod.get("initContainers", []), *pod["containers"]]
    )


def _node(step: Step, *, selected: bool) -> PlannedNode:
    mark = step.installed
    return PlannedNode(
        node=step.node,
        uid=step.node_uid,
        action=step.action.value,
        reason=step.reason,
        wave=step.wave,
        canary=step.canary,
        zone=step.zone,
        kind=NodeKind(
            architecture=step.kind.architecture,
            os_image=step.kind.os_image,
            kernel=step.kind.kernel_minor,
            container_runtime=step.kind.container_runtime,
        ),
        installed=Release(kata_version=mark.kata_version, digest=mark.digest)
        if mark and mark.digest
        else None,
        selected=selected,
    )
