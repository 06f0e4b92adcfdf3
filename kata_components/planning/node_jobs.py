"""Per-node Jobs: what a Job found in the cluster means. Pure.

A Job is recognised by the labels and annotations with which `job_stamp`, or upstream's dispatcher,
has stamped it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from typing import Any, Final, Literal

from kata_components import names
from kata_components.foreign import bounded
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import Job, JobSpec, JobStatus

JobKind = Literal["install", "cleanup"]
JOB_KINDS: Final[tuple[JobKind, ...]] = ("install", "cleanup")
"""In the order in which their Jobs are removed from a clean node: an install Job that is left alone
looks as if Kata were there, if another installation has labelled the node since.
"""
_DEFAULT_RETRIES: Final = 6
"""The `backoffLimit` that the API server sets where a Job has none."""


class JobState(Enum):
    """The state of a Job."""

    ACTIVE = "active"
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class NodeJob:
    """A per-node Job as it was last seen."""

    name: str
    uid: str
    node: str
    node_uid: str
    """Empty if upstream's dispatcher created it, which does not stamp it."""
    machine_id: str
    """Empty likewise."""
    kind: str
    digest: str
    state: JobState
    failure: str = ""
    """The Job controller's reason if it failed."""
    created: str = ""
    """RFC 3339, UTC."""
    deadline_seconds: int = 0
    """Its activeDeadlineSeconds, 0 if it has none."""
    foreign: bool = False
    """Whether another installation created it, which only matters while it is active."""
    failed_pods: int = 0
    """How many of at most `attempts` pods have failed."""
    attempts: int = 1

    @property
    def active(self) -> bool:
        """Whether it may still change its host."""
        return self.state is JobState.ACTIVE

    def is_of(self, node: Node) -> bool:
        """Whether it was stamped for this very machine, not for a previous one with that name."""
        return self.node_uid == node.metadata.uid and self.machine_id == node.info.machine_id

    def may_be_of(self, node_uid: str, machine_id: str) -> bool:
        """Whether nothing says that it was created for another machine with that name.

        Planning has looked more closely.
        """
        return (self.node_uid, self.machine_id) in {("", ""), (node_uid, machine_id)}


ANYBODYS: Final = names.OWNER_LABEL
"""The label selector of the per-node Jobs of all installations."""


def selector(suffix: str, *kinds: JobKind) -> str:
    """Return the label selector of an installation's per-node Jobs, of all kinds by default."""
    owners = ",".join(names.job_prefix(suffix, kind) for kind in kinds or JOB_KINDS)
    return f"{names.OWNER_LABEL} in ({owners})"


def described(namespace: str, suffix: str, kind: JobKind) -> str:
    """Return the command that shows what the Jobs of a kind, and their pods, say of themselves."""
    owner = f"{names.OWNER_LABEL}={names.job_prefix(suffix, kind)}"
    return f"kubectl -n {namespace} describe jobs,pods -l {owner}"


def seen_by(suffix: str, job: Job) -> NodeJob:
    """Return what a Job means to an installation: that of another one is `foreign`."""
    owners = {names.job_prefix(suffix, kind) for kind in JOB_KINDS}
    return replace(observed(job), foreign=job.metadata.label(names.OWNER_LABEL) not in owners)


def observed(job: Job) -> NodeJob:
    """Return what a Job in the cluster means."""
    metadata = job.metadata
    state, failure = _state(job)
    spec, status = job.spec or JobSpec(), job.status or JobStatus()
    pod = spec.template.spec if spec.template else None
    retries = _DEFAULT_RETRIES if spec.backoff_limit is None else spec.backoff_limit
    return NodeJob(
        name=metadata.name,
        uid=metadata.uid,
        node=metadata.annotation(names.NODE_NAME_ANNOTATION) or (pod and pod.node_name) or "",
        node_uid=metadata.annotation(names.NODE_UID_ANNOTATION) or "",
        machine_id=metadata.annotation(names.MACHINE_ID_ANNOTATION) or "",
        kind=metadata.label(names.STAGE_LABEL) or "",
        digest=metadata.annotation(names.DIGEST_ANNOTATION) or "",
        state=state,
        failure=failure,
        created=metadata.creation_timestamp or "",
        deadline_seconds=spec.active_deadline_seconds or 0,
        failed_pods=status.failed or 0,
        attempts=1 + retries,
    )


def is_token_free(template: Mapping[str, Any]) -> bool:
    """Return whether a per-node Job cannot talk to the API server.

    Then, labels and taints of its node are left to whoever paces, as from 4.1.0 on.
    """
    return template["spec"]["template"]["spec"].get("automountServiceAccountToken") is False


def privileged(template: Mapping[str, Any]) -> list[str]:
    """Return the privileged containers of a per-node Job, which some policies do not admit."""
    pod = template["spec"]["template"]["spec"]
    containers = [*pod.get("initContainers", []), *pod["containers"]]
    return [c["name"] for c in containers if c.get("securityContext", {}).get("privileged")]


def unreported(node: Node) -> str:
    """Return why a node cannot have a token-free Job yet, which must be told what it reports."""
    told = {
        "containerRuntimeVersion": node.info.container_runtime_version,
        "machineID": node.info.machine_id,
    }
    missing = [field for field, value in told.items() if not value]
    return f"the kubelet has not reported {' and '.join(missing)} yet" if missing else ""


def identified(jobs: Iterable[NodeJob], nodes: Iterable[Node]) -> list[NodeJob]:
    """Return the Jobs with UID and machine ID of their node, where only its name is known.

    Upstream's dispatcher stamps neither. A Job that is not older than the node with its name was
    created for that very node.
    """
    by_name = {node.metadata.name: node for node in nodes}

    def named(job: NodeJob) -> NodeJob:
        node = by_name.get(job.node)
        if job.node_uid or node is None or job.created < (node.metadata.creation_timestamp or ""):
            return job
        return replace(job, node_uid=node.metadata.uid, machine_id=node.info.machine_id)

    return [named(job) for job in jobs]


def _state(job: Job) -> tuple[JobState, str]:
    if job.condition("Complete"):
        return JobState.SUCCEEDED, ""
    failed = job.condition("Failed")
    if failed:
        return JobState.FAILED, bounded(": ".join(filter(None, (failed.reason, failed.message))))
    # SuccessCriteriaMet and FailureTarget come earlier, while pods still run: not the end yet.
    return JobState.ACTIVE, ""
