"""An API server that is away for a minute at any moment: a run that holds its Lease continues."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from kata_components.operations.uninstall import uninstall
from kata_components.runners.pulumi import PulumiRunner
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, Told, cluster, request, roll_out
from tests.model.virtual_loop import now, simulate
from tests.runners import dispatching

AWAY_SECONDS = 60.0
BEGUN = 0.3
"""Before, a run reads its plan and takes the Lease: it may say that the cluster is not there, and
has begun nothing."""

Run = Callable[[FakeKubeApi], Coroutine[Any, Any, Any]]


async def end(api: FakeKubeApi) -> None:
    told = Told()
    await uninstall(api, ENDING, PulumiRunner, told)


def empty() -> Cluster:
    return cluster(2)


def installed(run: Run) -> Callable[[], Cluster]:
    def made() -> Cluster:
        on = empty()
        simulate(run(FakeKubeApi(on)))
        return on

    return made


async def paced(api: FakeKubeApi) -> None:
    assert (await roll_out(api, request(1))).failure == ""


async def dispatched(api: FakeKubeApi) -> None:
    assert (await dispatching.up(api)).failure == ""


def seconds(on: Cluster, run: Run, away_at: float) -> float:
    """Return when a run ends that meets an outage."""

    async def met() -> float:
        api = FakeKubeApi(on)
        asyncio.get_running_loop().call_at(
            away_at, setattr, api, "down_until", away_at + AWAY_SECONDS
        )
        await run(api)
        return now()

    return simulate(met())


@pytest.mark.parametrize(
    ("begin", "run"),
    [
        (empty, paced),
        (empty, dispatched),
        (installed(paced), end),
        (installed(dispatched), dispatching.destroy),
    ],
    ids=["up", "up-in-the-cluster", "destroy", "destroy-in-the-cluster"],
)
def test_an_outage_of_a_minute_ends_no_run_whenever_it_begins(
    begin: Callable[[], Cluster], run: Run
) -> None:
    end_of_it = seconds(begin(), run, away_at=1e9)
    each_second = [BEGUN + number for number in range(int(end_of_it))]
    # In the end one request follows the other.
    for at in (*each_second, *(end_of_it - 0.02 * number for number in range(8))):
        on = begin()
        assert seconds(on, run, away_at=at) >= at
        assert not on.violations
