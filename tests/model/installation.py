"""What tests of rollouts share: a cluster with an installation, requests, and whole runs."""

from dataclasses import dataclass, field, replace
from typing import Any

from kata_components import names
from kata_components.operations.install import Installed, install
from kata_components.operations.preview import Preview, preview
from kata_components.operations.uninstall import UninstallRequest
from kata_components.pacing.progress import Progress
from kata_components.planning.approval import Approval
from kata_components.planning.host_digest import current, host_digests
from kata_components.planning.node_jobs import JobKind
from kata_components.planning.ownership import Owner
from kata_components.planning.plan_document import document
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.report.plan_record import rendered
from kata_components.runners.clock import timestamp
from kata_components.runners.lease_manifest import lease_manifest
from kata_components.runners.pulumi import PulumiRunner
from kata_components.settings.wave_sizes import Size
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi

NAMESPACE = "kube-system"
LEASE = "kata-deploy"
STACK = "kata-deploy/test"
INSTALLATION = "installation-1"
OWNER = Owner(INSTALLATION, STACK)
SINCE = "2026-01-01T00:00:00.000000Z"


def template(stage: str, image: str = "kata:4.0.0", *, token: bool = True) -> dict[str, Any]:
    """Return the template of a Job; one without a token is like those of 4.1.0."""
    container = {"name": "cri", "image": image, "command": [f"{stage}-stage-cri"]}
    pod = {"containers": [container], **({} if token else {"automountServiceAccountToken": False})}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": {names.STAGE_LABEL: stage}},
        "spec": {"ttlSecondsAfterFinished": 60, "template": {"spec": pod}},
    }


def node_job(
    node: str, kind: JobKind = "install", suffix: str = "", *, token: bool = True
) -> dict[str, Any]:
    """Return the Job of a node, as whoever paces Jobs creates it."""
    made, prefix = template(kind, token=token), names.job_prefix(suffix, kind)
    made["metadata"] = {
        "name": names.job_name(prefix, node),
        "annotations": {names.NODE_NAME_ANNOTATION: node},
        "labels": {names.STAGE_LABEL: kind, names.OWNER_LABEL: prefix},
    }
    return made


CLEANUP = CleanupRequest(
    namespace=NAMESPACE, suffix="", job=template("cleanup"), parallelism=3, node_timeout_seconds=600
)
ENDING = UninstallRequest(
    namespace=NAMESPACE,
    suffix="",
    stack=STACK,
    installation=INSTALLATION,
    cluster_uid="cluster-1",
    cleanup=CLEANUP,
)


def digest(stage: str = "install") -> str:
    return current(host_digests(template(stage)))


def request(
    parallelism: int = 3, *, waves: tuple[Size, ...] = (), **changes: Any
) -> InstallRequest:
    values: dict[str, Any] = {
        "owner": OWNER,
        "namespace": NAMESPACE,
        "suffix": "",
        "kata_version": "4.0.0",
        "selection": Selection(),
        "job": template("install"),
        "parallelism": parallelism,
        "waves": waves,
        "max_failures": "100%",
        "soak_seconds": 0,
        "node_timeout_seconds": 600,
        "not_ready": "skip",
        "existing": None,
    }
    return InstallRequest(**values | changes)


def approved(found: Preview, wanted: InstallRequest) -> InstallRequest:
    """Return the request bound to the plan of its preview, as a person approves it."""
    text = rendered(
        document(
            found.plan,
            place=found.place,
            pace=wanted.pace,
            cleanup=found.cleanup,
            guards=found.guards,
        )
    )
    return replace(wanted, approval=Approval.parse(text, "approved.json"))


def cluster(nodes: int, *, kind: type[Cluster] = Cluster, **settings: Any) -> Cluster:
    """Return a cluster with an installation and no run."""
    made = kind(**settings)
    made.add_nodes(*(f"node-{number:02d}" for number in range(nodes)))
    made.create_lease(NAMESPACE, lease_manifest(LEASE, installation=INSTALLATION, stack=STACK))
    return made


def take_lease(on: Cluster, holder: str, duration: int = 15) -> None:
    """Take the Lease, or renew it."""
    lease = on.leases[LEASE]
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": duration,
        "acquireTime": SINCE,
        "renewTime": timestamp(),
    }
    on.replace_lease(NAMESPACE, LEASE, lease | {"spec": spec})


@dataclass
class Told:
    """The reporter of a run: what it said, and how far it was second by second."""

    lines: list[str] = field(default_factory=list)
    shown: list[Progress] = field(default_factory=list)
    stages: list[JobKind] = field(default_factory=list)
    """Which stage each of these is about."""
    seconds: float = 0.0

    def message(self, text: str) -> None:
        self.lines.append(text)

    def progress(self, kind: JobKind, progress: Progress, seconds: float) -> None:
        self.stages.append(kind)
        self.shown.append(progress)
        self.seconds = seconds


async def roll_out(api: FakeKubeApi, wanted: InstallRequest, told: Told | None = None) -> Installed:
    """Plan and carry it out, as one `up` does.

    Whatever happens, no promise on Jobs may be broken.
    """
    told = told or Told()
    found = await preview(api, wanted)
    assert not found.refusals
    try:
        return await install(api, wanted, PulumiRunner, told)
    finally:
        assert not api.cluster.violations
