"""The real thing: Pulumi's CLI, a real control plane, simulated nodes, and the operator's rights from docs/."""

import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from sandbox.cluster import Cluster
from sandbox.control_plane import OPERATOR
from sandbox.kube import Kube
from sandbox.paths import cache_dir
from sandbox.shell import environment
from tests.e2e.observe import Audit
from tests.e2e.stack import CHECKOUT, NAME, Stack

WORKERS = 24
POD_SECONDS = 0.5


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """A cluster of the tests' own, with the operator's rights granted; each worker of each checkout has one."""
    local = Cluster(f"kata-deploy-{NAME}-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:6]}")
    local.start(workers=WORKERS)
    with local.connect() as kube:
        for manifest in yaml.safe_load_all((CHECKOUT / "docs" / "operator-rbac.yaml").read_text()):
            kube.apply(path_of(manifest), manifest)
    yield local
    local.delete()


def path_of(manifest: dict[str, object]) -> str:
    metadata: dict[str, str] = manifest["metadata"]  # type: ignore[assignment] # a Kubernetes object
    kind = str(manifest["kind"])
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    return f"/apis/{manifest['apiVersion']}{namespace}/{kind.lower()}s/{metadata['name']}"


@pytest.fixture(scope="session")
def variables(cluster: Cluster) -> dict[str, str]:
    return environment(cluster, cache_dir())


@pytest.fixture
def kube(cluster: Cluster) -> Iterator[Kube]:
    with cluster.connect() as connection:
        yield connection


@pytest.fixture
def audit(cluster: Cluster) -> Audit:
    """The audit log from here on."""
    return Audit(cluster.audit_log)


@pytest.fixture
def new_stack(tmp_path: Path, cluster: Cluster, variables: dict[str, str]) -> Callable[[str], Stack]:
    def make(user: str = OPERATOR) -> Stack:
        home = tmp_path / user
        home.mkdir()
        return Stack(home, cluster, variables, user=user)

    return make


@pytest.fixture
def stack(cluster: Cluster, new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack on a fleet of 24 fresh nodes; what a test leaves is destroyed, and that must work."""
    fresh_fleet(cluster)
    made = new_stack()
    yield made
    fresh_behaviour(cluster)
    if made.has_resources():
        left = made.destroy()
        if not left.ok:
            made.cancel()
            left = made.destroy()
        assert left.ok, left.text


def fresh_fleet(cluster: Cluster) -> None:
    if len(cluster.workers()) != WORKERS:
        cluster.start(workers=WORKERS)
    fresh_behaviour(cluster)


def fresh_behaviour(cluster: Cluster) -> None:
    cluster.pod_seconds(POD_SECONDS)
    with cluster.connect() as kube:
        nodes = kube.get("/api/v1/nodes")["items"]
    for node in nodes:
        switches = [key for key in node["metadata"]["labels"] if key.startswith("sandbox.kata-deploy/")]
        if switches:
            cluster.behave(node["metadata"]["name"], **{key.split("/")[1].replace("-", "_"): None for key in switches})
