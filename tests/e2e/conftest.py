"""Pulumi's CLI, a real control plane, simulated nodes, and the operator's rights from docs/."""

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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
POD_SECONDS = 0.3
_OF_KATA = ("katacontainers.io/", "sandbox.kata-deploy/handlers.")
"""In labels and annotations of a node with Kata: ours and upstream's, and the sandbox's own."""


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    with new_cluster("kata-deploy", WORKERS) as local:
        yield local


@contextmanager
def new_cluster(name: str, workers: int) -> Iterator[Cluster]:
    """A cluster for each test process of each checkout, with the operator's rights granted."""
    local = Cluster(f"{name}-{NAME}-{hashlib.sha256(str(CHECKOUT).encode()).hexdigest()[:6]}")
    # A killed run may have left one, whose ports may be taken by now.
    local.delete()
    try:
        local.start(workers=workers)
        with local.connect() as kube:
            grant(kube, "operator-rbac.yaml")
        yield local
    finally:
        local.delete()


def grant(kube: Kube, file: str) -> None:
    """Create the roles of a file in docs/, as its text tells administrators."""
    for manifest in yaml.safe_load_all((CHECKOUT / "docs" / file).read_text()):
        kube.apply(path_of(manifest), manifest)


def path_of(manifest: dict[str, object]) -> str:
    """Return the path of an object at the API server."""
    metadata: dict[str, str] = manifest["metadata"]  # type: ignore[assignment] # a Kubernetes object
    kind, version = str(manifest["kind"]).lower(), str(manifest["apiVersion"])
    group = "apis" if "/" in version else "api"
    namespace = f"/namespaces/{metadata['namespace']}" if "namespace" in metadata else ""
    plural = f"{kind}es" if kind.endswith("s") else f"{kind}s"
    return f"/{group}/{version}{namespace}/{plural}/{metadata['name']}"


@pytest.fixture(scope="session")
def variables(cluster: Cluster) -> dict[str, str]:
    return environment(cluster, cache_dir())


@pytest.fixture
def kube(cluster: Cluster) -> Iterator[Kube]:
    with cluster.connect() as connection:
        yield connection


@pytest.fixture
def audit(cluster: Cluster) -> Audit:
    """The audit log from now on."""
    return Audit(cluster.audit_log)


@pytest.fixture
def new_stack(
    tmp_path: Path, cluster: Cluster, variables: dict[str, str]
) -> Callable[[str], Stack]:
    def make(user: str = OPERATOR, program: Path = CHECKOUT) -> Stack:
        home = tmp_path / user
        home.mkdir()
        return Stack(home, cluster, variables, user=user, program=program)

    return make


@pytest.fixture
def stack(cluster: Cluster, new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack on 24 fresh nodes; what a test leaves is destroyed, which must succeed."""
    fresh_fleet(cluster)
    with destroyed_afterwards(new_stack()) as made:
        yield made


@pytest.fixture(scope="module")
def shared_stack(
    cluster: Cluster, variables: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Stack]:
    """A stack on 24 fresh nodes for all tests of a file, which leave the nodes as they are."""
    fresh_fleet(cluster)
    home = tmp_path_factory.mktemp("shared")
    with destroyed_afterwards(Stack(home, cluster, variables, user=OPERATOR)) as made:
        yield made


@contextmanager
def destroyed_afterwards(made: Stack) -> Iterator[Stack]:
    yield made
    fresh_behaviour(made.cluster)
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
    with cluster.connect() as kube:
        for node in kube.get("/api/v1/nodes")["items"]:
            _forget_kata(kube, node["metadata"])


def _forget_kata(kube: Kube, metadata: dict[str, Any]) -> None:
    """Remove what a failed test has left on a node, so that the next test does not fail too."""
    left = {
        kind: {key: None for key in metadata.get(kind, {}) if any(part in key for part in _OF_KATA)}
        for kind in ("labels", "annotations")
    }
    if any(left.values()):
        kube.merge(f"/api/v1/nodes/{metadata['name']}", {"metadata": left})


def fresh_behaviour(cluster: Cluster) -> None:
    cluster.pod_seconds(POD_SECONDS)
    with cluster.connect() as kube:
        nodes = kube.get("/api/v1/nodes")["items"]
    for node in nodes:
        switches = [
            key for key in node["metadata"]["labels"] if key.startswith("sandbox.kata-deploy/")
        ]
        if switches:
            cluster.behave(
                node["metadata"]["name"],
                **{key.split("/")[1].replace("-", "_"): None for key in switches},
            )
