"""A run of 4.1.0 that is killed in any phase, and the next one: nothing runs twice."""

import asyncio

import pytest

from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, Told, cluster, roll_out
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.token_free import STARTUP, labels, tolerant, wanted, whole

K3S = Kubelet(
    handlers_after=8.0, not_ready_seconds=4.0, version="v1.34.1+k3s1", labels_again_after=(12.0,)
)
"""Ready 4 s behind the Job, with handlers 4 s later; its first labels do not hold."""
ASKED = wanted(taints=(STARTUP["key"],), job=tolerant())


async def killed(on: Cluster, seconds: float) -> None:
    """Kill a run after some seconds: none of its requests gets an answer any more."""
    api = FakeKubeApi(on)
    work = asyncio.create_task(roll_out(api, ASKED))
    await asyncio.sleep(seconds)
    api.dead = True
    work.cancel()
    await asyncio.gather(work, return_exceptions=True)
    on.leases[LEASE]["spec"]["holderIdentity"] = ""


@pytest.mark.parametrize("seconds", [0.05 * step for step in range(1, 12)] + list(range(1, 40)))
def test_killed_run_is_taken_up_where_it_was(seconds: float) -> None:
    on = cluster(0, kubelet=K3S)
    on.add_nodes("node-00", "node-01", taints=[STARTUP])
    told = Told()

    async def story() -> str:
        await killed(on, seconds)
        return (await roll_out(FakeKubeApi(on), ASKED, told)).failure

    assert simulate(story()) == ""
    assert sorted(on.starts) == ["node-00", "node-01"]
    assert whole(on) == ["node-00", "node-01"]
    assert {labels(on, node) for node in on.nodes} == {("true", "true")}
    assert [node["spec"]["taints"] for node in on.nodes.values()] == [[], []]
    assert not on.violations
