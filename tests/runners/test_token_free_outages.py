"""Rollouts at 4.1.0 while the API server errs, is away, or somebody else takes the Lease."""

import asyncio
from typing import Any

import pytest

from kata_components.errors import ApiError, RolloutStoppedError
from kata_components.operations.install import Installed
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, server_error, unreachable
from tests.model.history import Object
from tests.model.installation import LEASE, cluster, roll_out, take_lease
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import now, simulate
from tests.runners.token_free import STARTUP, labels, tolerant, wanted, whole

K3S = Kubelet(
    handlers_after=6.0, not_ready_seconds=3.0, version="v1.34.1+k3s1", labels_again_after=(8.0,)
)
ASKED = wanted(taints=(STARTUP["key"],), job=tolerant())
BUSY = ApiError(409, "Conflict", "the object has been modified")


def tainted() -> Cluster:
    on = cluster(0, kubelet=K3S)
    on.add_nodes("node-00", "node-01", taints=[STARTUP])
    return on


def assert_whole(on: Cluster, done: Installed) -> None:
    assert (done.failure, whole(on)) == ("", ["node-00", "node-01"])
    assert {labels(on, node) for node in on.nodes} == {("true", "true")}
    assert [node["spec"]["taints"] for node in on.nodes.values()] == [[], []]
    assert sorted(on.starts) == ["node-00", "node-01"]


@pytest.mark.parametrize("begins", range(0, 36, 3))
def test_outage_in_any_phase_is_waited_out(begins: int) -> None:
    on = tainted()
    api = FakeKubeApi(on)

    async def story() -> Installed:
        work = asyncio.create_task(roll_out(api, ASKED))
        await asyncio.sleep(begins + 0.5)
        api.down_until = now() + 40.0
        return await work

    assert_whole(on, simulate(story()))


@pytest.mark.parametrize("error", [server_error(), unreachable(), BUSY])
@pytest.mark.parametrize("skipped", range(8))
def test_write_that_fails_or_whose_answer_is_lost_is_repeated(
    error: Exception, skipped: int
) -> None:
    for fault in ("refuse", "lose_answer"):
        if (fault, error) == ("lose_answer", BUSY):
            continue
        on = tainted()
        api = Nth(on, fault, error, skipped)
        assert_whole(on, simulate(roll_out(api, ASKED)))
        assert api.left < 0


class Nth(FakeKubeApi):
    """Lets one PATCH of a node fail."""

    def __init__(self, on: Cluster, fault: str, error: Exception, skipped: int) -> None:
        super().__init__(on)
        self.left, self.fault, self.error = skipped, fault, error

    async def patch_node(self, *args: Any, **kwargs: Any) -> Any:
        if self.left == 0:
            getattr(self, self.fault)("patch_node", self.error)
        self.left -= 1
        return await super().patch_node(*args, **kwargs)


class Owned(Cluster):
    """Notes writes to nodes after somebody else has taken the Lease."""

    late: tuple[str, ...] = ()

    def patch_node(self, name: str, uid: str, **changes: Any) -> Object:
        if self.leases[LEASE]["spec"].get("holderIdentity") == "ben@laptop (pid 7)":
            self.late += (name,)
        return super().patch_node(name, uid, **changes)


@pytest.mark.parametrize("begins", [0.3, 4.1, 7.0, 10.5, 12.1, 20.0])
def test_nothing_is_written_once_somebody_else_has_the_lease(begins: float) -> None:
    on = cluster(0, kind=Owned, kubelet=K3S)
    assert isinstance(on, Owned)
    on.add_nodes("node-00", "node-01", taints=[STARTUP])
    api = FakeKubeApi(on)

    async def story() -> None:
        work = asyncio.create_task(roll_out(api, ASKED))
        await asyncio.sleep(begins)
        api.down_until = now() + 30.0
        await asyncio.sleep(29.0)
        take_lease(on, "ben@laptop (pid 7)")
        with pytest.raises(RolloutStoppedError, match=r"ben@laptop \(pid 7\) has taken it"):
            await work

    simulate(story())
    assert on.late == ()
