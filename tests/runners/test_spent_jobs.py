"""Succeeded Jobs of marked nodes go on the way, many with one request."""

import asyncio
from collections import Counter
from itertools import pairwise
from typing import Any

from kata_components.pacing.queues import REMOVAL_BATCH
from kata_components.runners.lease_manifest import DURATION_SECONDS
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster, request, roll_out
from tests.model.virtual_loop import now, simulate


def test_succeeded_jobs_are_removed_on_the_way_many_with_one_request() -> None:
    on = cluster(4 * REMOVAL_BATCH)
    most = 0

    class Counting(FakeKubeApi):
        async def create_job(self, *call: Any) -> Any:
            nonlocal most
            most = max(most, len(on.jobs))
            return await super().create_job(*call)

    api = Counting(on)
    done = simulate(roll_out(api, request(10)))
    asked = Counter(api.asked)
    assert (done.outcome.installed, on.jobs) == (4 * REMOVAL_BATCH, {})
    assert most < REMOVAL_BATCH + 2 * 10
    assert asked["delete_jobs"] <= 5
    assert asked["delete_job"] == 0
    asked.pop("replace_lease")
    assert sum(asked.values()) <= 3.1 * 4 * REMOVAL_BATCH


def test_a_soak_keeps_no_finished_jobs() -> None:
    on, left = cluster(6), []

    class Looking(FakeKubeApi):
        async def replace_lease(self, *call: Any) -> Any:
            left.append(len(on.jobs))
            return await super().replace_lease(*call)

    simulate(roll_out(Looking(on), request(waves=(3, "100%"), soak_seconds=600)))
    assert 0 in left[10:-10]


def test_the_lease_is_kept_while_jobs_are_removed_behind_the_last_node() -> None:
    on, renewed = cluster(REMOVAL_BATCH + 2), []

    class Busy(FakeKubeApi):
        async def delete_jobs(self, *call: Any, **fields: Any) -> None:
            await asyncio.sleep(60)
            await super().delete_jobs(*call, **fields)

        async def replace_lease(self, *call: Any) -> Any:
            renewed.append(now())
            return await super().replace_lease(*call)

    done = simulate(roll_out(Busy(on), request(10)))
    assert done.outcome.installed == REMOVAL_BATCH + 2
    assert max(later - earlier for earlier, later in pairwise(renewed)) < DURATION_SECONDS
