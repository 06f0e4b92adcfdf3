"""Many writes leave connections free for the renewal of the Lease: few are in flight at once."""

import asyncio
import dataclasses
from typing import Any

from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.operations import adoption
from kata_components.operations.objects_there import ObjectName
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster as fleet
from tests.model.virtual_loop import simulate
from tests.operations.test_adoption import CLASS, JOB, cluster
from tests.runners.dispatching import settings, up


class CountingApi(FakeKubeApi):
    """Counts how many writes of two kinds are in flight."""

    running = peak = 0

    async def _count(self) -> None:
        self.running += 1
        self.peak = max(self.peak, self.running)
        await asyncio.sleep(1.0)
        self.running -= 1

    async def delete_job(self, *call: Any) -> None:
        await self._count()
        await super().delete_job(*call)

    async def patch_metadata(self, *call: Any) -> None:
        await self._count()
        await super().patch_metadata(*call)


def test_objects_of_a_release_are_released_a_few_at_a_time() -> None:
    classes = tuple(dataclasses.replace(CLASS, name=f"kata-{number}") for number in range(40))
    request = dataclasses.replace(JOB, objects=tuple[ObjectName, ...](classes))
    api = CountingApi(cluster(*classes))
    assert simulate(adoption.adopt(api, request.objects))
    assert api.peak == CALLS_AT_ONCE


def test_jobs_in_the_way_of_a_dispatcher_are_deleted_a_few_at_a_time() -> None:
    on = fleet(40)
    on.fates = dict.fromkeys(on.nodes, "fails")
    api = CountingApi(on)

    async def twice() -> int:
        await up(FakeKubeApi(on), settings())
        on.fates.clear()
        return (await up(api, settings())).outcome.installed

    assert simulate(twice()) == 40
    assert api.peak == CALLS_AT_ONCE
