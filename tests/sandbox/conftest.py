"""A cluster with simulated nodes, for the tests of what its kubelets do."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.sandbox.jobs import JOBS

SHIMS = [
    {"name": "SHIMS_X86_64", "value": "clh qemu"},
    {"name": "SHIMS_AARCH64", "value": "qemu qemu-runtime-rs"},
    {"name": "SHIMS_S390X", "value": "qemu-se"},
]


@pytest.fixture(scope="package")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    cluster = Cluster("sandbox-tests", tmp_path_factory.mktemp("sandbox"))
    cluster.start(8)
    cluster.pod_seconds(0.4, namespace="default")
    yield cluster
    cluster.delete()


@pytest.fixture
def kube(cluster: Cluster) -> Iterator[Kube]:
    with cluster.connect() as kube:
        yield kube


@pytest.fixture
def run(kube: Kube, request: pytest.FixtureRequest) -> Callable[..., str]:
    """Start a Job with one pod on a node and return the Job's name."""

    def start(
        node: str, containers: list[str], suffix: str = "", mounted: str = "", **spec: Any
    ) -> str:
        env = [*SHIMS, {"name": "MULTI_INSTALL_SUFFIX", "value": suffix}]
        *init, main = [{"name": name, "image": "none", "env": env} for name in containers]
        pod = {
            "restartPolicy": "Never",
            "nodeName": node,
            "initContainers": init,
            "containers": [main],
            "volumes": [{"name": "c", "configMap": {"name": mounted}}] if mounted else [],
        }
        name = f"{node}-{abs(hash((request.node.name, suffix))) % 10**8}-{len(containers)}"
        job = {
            "metadata": {"name": name},
            "spec": {"backoffLimit": 0, **spec, "template": {"spec": pod}},
        }
        kube.create(JOBS, {"apiVersion": "batch/v1", "kind": "Job", **job})
        return name

    return start
