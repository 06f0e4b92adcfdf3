"""Labelling nodes ahead of an upgrade: under the Lease, again after any interruption."""

import asyncio

import pytest

from kata_components import names
from kata_components.errors import ApiError, LeaseHeldError, RolloutFailedError, UnreachableError
from kata_components.operations.prelabel import find, prelabel
from kata_components.planning.ownership import Owner
from kata_components.planning.prelabel import PrelabelRequest
from tests.model.cluster import Cluster
from tests.model.fake_api import LATENCY, FakeKubeApi
from tests.model.installation import (
    NAMESPACE,
    STACK,
    Told,
    cluster,
    request,
    roll_out,
    take_lease,
)
from tests.model.virtual_loop import simulate

OWN = names.instance_label("")
UPGRADE = PrelabelRequest(namespace=NAMESPACE, suffix="", kata_version="4.1.0", label=OWN)


def of_4_0_0(nodes: int = 5) -> Cluster:
    """Return a cluster on which an older checkout has installed 4.0.0."""
    on = cluster(nodes)
    simulate(roll_out(FakeKubeApi(on), request()))
    for name, node in on.nodes.items():
        on.patch_node(name, node["metadata"]["uid"], annotations={}, labels={OWN: None})
    return on


def labelled(on: Cluster) -> int:
    return sum(node["metadata"]["labels"].get(OWN) == "true" for node in on.nodes.values())


async def label(on: Cluster, told: Told | None = None, api: FakeKubeApi | None = None) -> None:
    api = api or FakeKubeApi(on)
    await prelabel(api, UPGRADE, Owner(None, STACK), told or Told())


def test_every_node_of_an_older_version_gets_the_label_once() -> None:
    on, told = of_4_0_0(), Told()
    simulate(label(on, told))
    assert labelled(on) == 5
    assert told.lines == [f"labelled 5 nodes with {OWN}"]
    assert simulate(find(FakeKubeApi(on), UPGRADE)) == []
    again = FakeKubeApi(on)
    simulate(label(on, api=again))
    assert "patch_node" not in again.asked


def test_on_a_first_install_nothing_is_read_but_nodes() -> None:
    api = FakeKubeApi(cluster(3))
    assert simulate(find(api, UPGRADE)) == []
    assert api.asked == ["list_nodes"]


def test_a_run_that_was_killed_is_completed_by_the_next() -> None:
    on = of_4_0_0(40)

    async def killed() -> None:
        async with asyncio.timeout(5.5 * LATENCY):
            await label(on)

    with pytest.raises(TimeoutError):
        simulate(killed())
    assert 0 < labelled(on) < 40
    simulate(label(on))
    assert labelled(on) == 40


def test_a_lost_answer_is_no_failure() -> None:
    on = of_4_0_0()
    api = FakeKubeApi(on)
    api.lose_answer("patch_node", UnreachableError("gone"), UnreachableError("gone"))
    simulate(label(on, api=api))
    assert labelled(on) == 5


def test_a_node_that_is_gone_is_not_counted() -> None:
    on, told = of_4_0_0(3), Told()
    api = FakeKubeApi(on)
    api.refuse("patch_node", ApiError(404, "NotFound", "no such node"))
    simulate(label(on, told, api))
    assert told.lines == [f"labelled 2 nodes with {OWN}"]


def test_nodes_that_cannot_be_labelled_are_named_with_what_to_type() -> None:
    on = of_4_0_0(2)
    api = FakeKubeApi(on)
    api.refuse("patch_node", *(ApiError(422, "Invalid", "no") for _ in range(2)))
    with pytest.raises(RolloutFailedError) as caught:
        simulate(label(on, api=api))
    assert str(caught.value) == (
        f"2 nodes could not be labelled with {OWN}. The RuntimeClasses of 4.1.0 ask for that "
        "label, so they were not changed, nor anything else\n"
        "  node-00: no\n"
        "  node-01: no\n"
        "Remove what prevents it, or label the nodes yourself: `kubectl label node node-00 "
        f"{OWN}=true`. Then run `pulumi up` again."
    )


def test_nothing_is_written_while_another_run_is_at_work() -> None:
    on = of_4_0_0()

    async def beside() -> None:
        async def renew() -> None:
            while True:
                take_lease(on, "somebody")
                await asyncio.sleep(5)

        other = asyncio.create_task(renew())
        try:
            await label(on)
        finally:
            other.cancel()

    with pytest.raises(LeaseHeldError):
        simulate(beside())
    assert labelled(on) == 0
