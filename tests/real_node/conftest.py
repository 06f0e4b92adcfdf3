"""Two real nodes beside 20 simulated ones, in a cluster for each test process."""

from collections.abc import Callable, Iterator

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from sandbox.real_node.obstacle import obstacle
from tests.e2e import conftest as e2e
from tests.e2e.conftest import destroyed_afterwards, fresh_behaviour, grant, new_cluster
from tests.e2e.stack import Stack
from tests.real_node.machines import Machine

SIMULATED = 20
REAL = ["real-1", "real-2"]

# Fixtures that work on any cluster.
kube, variables, new_stack = e2e.kube, e2e.variables, e2e.new_stack


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    if reason := obstacle():
        pytest.skip(reason)
    with new_cluster("real-nodes", SIMULATED) as local:
        with local.connect() as connection:
            grant(connection, "operator-rbac-cluster.yaml")
        assert local.add_real_nodes(len(REAL)) == REAL
        yield local


@pytest.fixture
def machines(cluster: Cluster, kube: Kube) -> list[Machine]:
    fresh_behaviour(cluster)
    return [Machine(cluster.real_node(name), kube) for name in REAL]


@pytest.fixture
def stack(machines: list[Machine], new_stack: Callable[..., Stack]) -> Iterator[Stack]:
    """A stack on clean nodes; what a test leaves is destroyed, which must succeed."""
    for machine in machines:
        machine.expect_nothing()
    with destroyed_afterwards(new_stack()) as made:
        made.configure(job={"backoffLimit": 0})
        yield made
