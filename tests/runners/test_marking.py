"""Marks of nodes that others have worked on: written through what passes by itself."""

import asyncio

import pytest

from kata_components import names
from kata_components.errors import ApiError, ClusterError, RolloutStoppedError
from kata_components.planning import node_mark
from kata_components.planning.node_work import InstallWork
from kata_components.planning.step import Action, Step
from kata_components.runners.marking import Recorded, record
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, forbidden, server_error, unreachable
from tests.model.installation import cluster, request, take_lease
from tests.model.virtual_lease import holding
from tests.model.virtual_loop import simulate

WORK = InstallWork(request())
CONFLICT = ApiError(409, "Conflict", "the object has been modified")
THROTTLED = ApiError(429, "TooManyRequests", "slow down", retry_after=7.0)
EXPIRED = ApiError(401, "Unauthorized", "the token has expired")


def step(node: str) -> Step:
    return Step(node=node, node_uid=f"uid-{node}", machine_id="", action=Action.RESUME, reason="")


def recorded(api: FakeKubeApi, *nodes: str) -> Recorded:
    async def story() -> Recorded:
        async with holding(api) as lease:
            return await record(api, lease, [step(node) for node in nodes], WORK)

    return simulate(story())


def written(on: Cluster) -> list[str]:
    marks = {
        name: node_mark.parse(node["metadata"]["annotations"].get(names.mark_annotation("")))
        for name, node in on.nodes.items()
    }
    return [name for name, mark in marks.items() if mark and mark.node_uid == f"uid-{name}"]


@pytest.mark.parametrize(
    "error", [unreachable(), server_error(), CONFLICT, THROTTLED, EXPIRED, forbidden("patch")]
)
@pytest.mark.parametrize("applied", [True, False])
def test_what_passes_by_itself_is_waited_for(error: Exception, *, applied: bool) -> None:
    api = FakeKubeApi(cluster(2))
    (api.lose_answer if applied else api.refuse)("patch_node", error)
    assert (
        sorted(recorded(api, "node-00", "node-01").done)
        == written(api.cluster)
        == ["node-00", "node-01"]
    )


def test_api_server_out_of_reach_for_minutes_costs_no_node() -> None:
    api = FakeKubeApi(cluster(40))

    async def story() -> Recorded:
        async with holding(api) as lease:
            api.down_until = 240.0
            return await record(api, lease, [step(node) for node in api.cluster.nodes], WORK)

    assert len(simulate(story()).done) == len(written(api.cluster)) == 40


def test_what_is_refused_for_good_is_the_failure_of_its_node_alone() -> None:
    api = FakeKubeApi(cluster(2))
    api.refuse("patch_node", fake_api.denied_by_admission())
    done = recorded(api, "node-00", "node-01")
    assert done.done == written(api.cluster) == ["node-01"]
    ((failed, text),) = [(failure.node, failure.text) for failure in done.failures]
    assert (failed, text[:28]) == ("node-00", "its mark could not be writte")
    assert "privileged" in text


def test_a_mark_that_is_refused_again_and_again_ends_after_minutes() -> None:
    api = FakeKubeApi(cluster(1))
    api.refuse("patch_node", *[CONFLICT] * 1000)
    assert [failure.node for failure in recorded(api, "node-00").failures] == ["node-00"]


@pytest.mark.parametrize("gone", ["left", "replaced"])
def test_a_node_that_is_gone_or_replaced_is_neither_done_nor_failed(gone: str) -> None:
    on = cluster(2)
    if gone == "left":
        del on.nodes["node-00"]
    else:
        on.nodes["node-00"]["metadata"]["uid"] = "another"
    assert recorded(FakeKubeApi(on), "node-00", "node-01") == Recorded(
        done=["node-01"], failures=[]
    )
    assert written(on) == ["node-01"]


def test_credential_that_is_not_taken_any_more_is_no_failure_of_nodes() -> None:
    api = FakeKubeApi(cluster(1))
    api.refuse("patch_node", *[EXPIRED] * 1000)
    with pytest.raises(ClusterError, match="expired"):
        recorded(api, "node-00")


def test_nothing_is_written_once_somebody_else_has_the_lease() -> None:
    api = FakeKubeApi(cluster(1))

    async def story() -> Recorded:
        async with holding(api) as lease:
            api.down_until = 20.0
            await asyncio.sleep(20.0)
            take_lease(api.cluster, "ben@laptop (pid 7)")
            return await record(api, lease, [step("node-00")], WORK)

    with pytest.raises(RolloutStoppedError, match=r"ben@laptop \(pid 7\) has taken it"):
        simulate(story())
    assert written(api.cluster) == []
