"""What tests of token-free Jobs share: an `up` at 4.1.0 that paces them itself."""

from typing import Any

from kata_components import names
from kata_components.operations.install import Installed
from kata_components.planning import node_mark
from kata_components.planning.demands import Demands
from kata_components.planning.node_jobs import JobKind
from kata_components.planning.requests import CleanupRequest, InstallRequest
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import NAMESPACE, Told, request, roll_out, template

SHARED, OWN = names.RUNTIME_LABEL, names.instance_label("")
BOTH = (SHARED, OWN)
STARTUP = {"key": "kata.example/starting", "effect": "NoSchedule"}


def job(kind: JobKind = "install", image: str = "kata:4.1.0") -> dict[str, Any]:
    return template(kind, image, token=False)


def wanted(
    parallelism: int = 3, *, image: str = "kata:4.1.0", taints: tuple[str, ...] = (), **changes: Any
) -> InstallRequest:
    demands = Demands(
        labels=BOTH, handlers=("kata-qemu",), startup_taints=taints, ready_seconds=300
    )
    values: dict[str, Any] = {"kata_version": "4.1.0", "job": job(image=image), "demands": demands}
    return request(parallelism, **values | changes)


def cleanup() -> CleanupRequest:
    return CleanupRequest(
        namespace=NAMESPACE, suffix="", job=job("cleanup"), parallelism=3, node_timeout_seconds=600
    )


async def up(on: Cluster, told: Told | None = None, **changes: Any) -> Installed:
    return await roll_out(FakeKubeApi(on), wanted(**changes), told)


def labels(on: Cluster, node: str = "node-00") -> tuple[str | None, str | None]:
    """Return the values of the shared label and the installation's."""
    found = on.nodes[node]["metadata"]["labels"]
    return found.get(SHARED), found.get(OWN)


def whole(on: Cluster) -> list[str]:
    """Return the nodes whose mark says that their install is complete."""
    key = names.mark_annotation("")
    marks = {n: node_mark.parse(o["metadata"]["annotations"].get(key)) for n, o in on.nodes.items()}
    return sorted(node for node, mark in marks.items() if mark and mark.digest)


def tolerant() -> dict[str, Any]:
    """Return an install Job that may run in spite of the startup taint."""
    made = job()
    made["spec"]["template"]["spec"]["tolerations"] = [{"operator": "Exists"}]
    return made
