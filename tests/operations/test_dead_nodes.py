"""NotReady nodes at the end of an installation: the others are clean, and are left alone."""

import asyncio
import functools
from collections import Counter

import pytest

from kata_components.errors import LeaseHeldError, RolloutFailedError
from kata_components.operations.uninstall import uninstall
from kata_components.runners import lease
from kata_components.runners.pulumi import PulumiRunner
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, LEASE, Told, cluster, request, roll_out
from tests.model.virtual_loop import now, simulate
from tests.operations.test_installation import installed

DEAD = "node-05"


def half_installed() -> Cluster:
    """Return a cluster with failed installs, whose Jobs stay, and a node that has died since."""
    on = cluster(6, fates={"node-01": "fails", "node-02": "fails"})
    simulate(roll_out(FakeKubeApi(on), request()))
    on.fates.clear()
    on.starts.clear()
    set_ready(on, "Unknown")
    return on


def set_ready(on: Cluster, status: str) -> None:
    on.nodes[DEAD]["status"]["conditions"][0]["status"] = status


async def end(api: FakeKubeApi, told: Told | None = None) -> None:
    told = told or Told()
    await uninstall(api, ENDING, PulumiRunner, told)


@pytest.mark.parametrize(("call", "failures"), [("", 0), ("list_jobs", 1), ("delete_job", 1)])
def test_nodes_are_cleaned_once_while_a_dead_one_is_waited_for(call: str, failures: int) -> None:
    on, told = half_installed(), Told()
    api = FakeKubeApi(on)

    async def back_after_half_a_minute() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(6.0, api.refuse, call, *[fake_api.unreachable()] * failures)
        loop.call_later(30.0, set_ready, on, "True")
        await end(api, told)

    simulate(back_after_half_a_minute())
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)
    assert told.lines[-1].startswith("cleaned 6 nodes in ")
    assert (on.jobs, on.leases, on.marked()) == ({}, {}, [])


def test_a_dead_node_has_its_time_after_the_slow_job_of_another_that_came_back() -> None:
    on = half_installed()
    on.set_ready("node-04", ready=False)
    on.job_seconds = 70.0

    async def back_one_after_the_other() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(160.0, functools.partial(on.set_ready, "node-04", ready=True))
        loop.call_later(190.0, set_ready, on, "True")
        await end(FakeKubeApi(on))

    simulate(back_one_after_the_other())
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)


@pytest.mark.parametrize("fate", ["killed", "given up"])
def test_nodes_that_an_earlier_destroy_has_cleaned_are_left_alone(fate: str) -> None:
    on = half_installed()

    async def twice() -> None:
        first = FakeKubeApi(on)
        ending = asyncio.create_task(end(first))
        if fate == "killed":
            await asyncio.sleep(20.0)
            first.dead = True
        else:
            with pytest.raises(RolloutFailedError, match="NotReady"):
                await ending
        set_ready(on, "True")
        await end(FakeKubeApi(on))
        ending.cancel()

    simulate(twice())
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)


def test_nodes_that_could_be_cleaned_are_not_cleaned_again_with_those_that_could_not() -> None:
    on = half_installed()
    set_ready(on, "True")
    on.fates[DEAD] = "fails"
    with pytest.raises(RolloutFailedError, match="1 node could not be cleaned"):
        simulate(end(FakeKubeApi(on)))
    on.fates.clear()
    simulate(end(FakeKubeApi(on)))
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1) | {DEAD: 2}


def test_no_second_run_gets_the_lease_while_a_dead_node_is_waited_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on = installed(6)
    set_ready(on, "Unknown")

    async def meanwhile() -> None:
        first = asyncio.create_task(end(FakeKubeApi(on)))
        await asyncio.sleep(30.0)
        holder = on.leases[LEASE]["spec"]["holderIdentity"]
        monkeypatch.setattr(lease, "holder_identity", lambda: "ben@laptop (pid 7)")
        with pytest.raises(LeaseHeldError):
            await roll_out(FakeKubeApi(on), request())
        assert now() < 50.0
        assert on.leases[LEASE]["spec"]["holderIdentity"] == holder
        with pytest.raises(RolloutFailedError, match="NotReady"):
            await first

    simulate(meanwhile())
    assert on.violations == []
