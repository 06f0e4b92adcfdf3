"""Nodes and Jobs for tests, with only what a test cares about spelled out."""

from kata_components import names
from kata_components.kubernetes.nodes import (
    Node,
    NodeCondition,
    NodeInfo,
    NodeSpec,
    NodeStatus,
    Taint,
)
from kata_components.kubernetes.objects import Metadata
from kata_components.planning import node_mark
from kata_components.planning.guardrails import Refusal
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob

DIGEST = "aaaaaaaaaaaa"
TIME = "2026-01-01T00:00:00Z"


def node(
    name: str,
    *,
    uid: str | None = None,
    machine: str | None = None,
    ready: bool = True,
    zone: str = "a",
    arch: str = "amd64",
    kernel: str = "6.8.0-31-generic",
    labels: dict[str, str] | None = None,
    marked: node_mark.Mark | None = None,
    taints: list[Taint] | None = None,
) -> Node:
    if labels is None:
        labels = {names.RUNTIME_LABEL: "true"} if marked and marked.digest else {}
    annotations = {names.mark_annotation(""): node_mark.render(marked)} if marked else None
    info = NodeInfo(
        machine_id=machine or f"machine-{name}",
        architecture=arch,
        kernel_version=kernel,
        os_image="Ubuntu 24.04",
        container_runtime_version="containerd://2.1.0",
    )
    return Node(
        metadata=Metadata(
            name=name,
            uid=uid or f"uid-{name}",
            labels={"topology.kubernetes.io/zone": zone, **labels},
            annotations=annotations,
        ),
        spec=NodeSpec(taints=taints),
        status=NodeStatus(
            conditions=[NodeCondition(type="Ready", status="True" if ready else "Unknown")],
            node_info=info,
        ),
    )


def mark_of(
    name: str, *, digest: str = DIGEST, uid: str | None = None, machine: str | None = None
) -> node_mark.Mark:
    return node_mark.Mark(
        kata_version="4.0.0",
        digest=digest,
        node_uid=uid or f"uid-{name}",
        machine_id=machine or f"machine-{name}",
        time=TIME,
    )


def job(
    name: str,
    state: JobState = JobState.ACTIVE,
    *,
    digest: str = DIGEST,
    kind: JobKind = "install",
    uid: str = "",
) -> NodeJob:
    return NodeJob(
        name=f"kata-deploy-{kind}-{name}",
        uid=uid or f"job-{name}",
        node=name,
        node_uid=f"uid-{name}",
        machine_id=f"machine-{name}",
        kind=kind,
        digest=digest,
        state=state,
        failure="BackoffLimitExceeded" if state is JobState.FAILED else "",
    )


def text_of(refusal: Refusal | None) -> str:
    """Return the words of a guard rail that has refused."""
    assert refusal
    return refusal.text
