"""Many calls, few at a time."""

import asyncio
import dataclasses
from typing import Any

import pytest

from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.operations import adoption
from kata_components.operations.objects_there import ObjectName
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster as fleet
from tests.model.virtual_loop import simulate
from tests.operations.test_adoption import CLASS, JOB, cluster
from tests.runners.dispatching import settings, up


class Crowd:
    """Counts how many calls are under way."""

    now = most = 0

    async def call(self) -> None:
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(1.0)
        self.now -= 1


class CrowdedApi(FakeKubeApi):
    """Counts how many writes of the two kinds are under way."""

    crowd: Crowd

    async def delete_job(self, *call: Any) -> None:
        await self.crowd.call()
        await super().delete_job(*call)

    async def patch_metadata(self, *call: Any) -> None:
        await self.crowd.call()
        await super().patch_metadata(*call)


@pytest.mark.parametrize(("calls", "most"), [(0, 0), (2, 2), (10, 3)])
def test_all_calls_are_made_and_never_more_than_the_limit_at_a_time(calls: int, most: int) -> None:
    crowd = Crowd()
    simulate(run_bounded(3, (crowd.call() for _ in range(calls))))
    assert (crowd.now, crowd.most) == (0, most)


def test_first_error_is_raised_and_ends_the_others() -> None:
    begun = []

    async def call(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(1.0)
        if number == 1:
            raise KeyError(number)
        await asyncio.sleep(1.0)

    with pytest.raises(KeyError):
        simulate(run_bounded(2, map(call, range(10))))
    assert begun == [0, 1]


def test_objects_of_a_release_are_let_go_a_few_at_a_time() -> None:
    classes = tuple(dataclasses.replace(CLASS, name=f"kata-{number}") for number in range(40))
    request = dataclasses.replace(JOB, objects=tuple[ObjectName, ...](classes))
    api = CrowdedApi(cluster(*classes))
    api.crowd = Crowd()
    assert simulate(adoption.adopt(api, request.objects))
    assert api.crowd.most == CALLS_AT_ONCE


def test_jobs_in_the_way_of_a_dispatcher_are_deleted_a_few_at_a_time() -> None:
    on = fleet(40)
    on.fates = dict.fromkeys(on.nodes, "fails")
    api = CrowdedApi(on)
    api.crowd = Crowd()

    async def twice() -> int:
        await up(FakeKubeApi(on), settings())
        on.fates.clear()
        return (await up(api, settings())).outcome.installed

    assert simulate(twice()) == 40
    assert api.crowd.most == CALLS_AT_ONCE
