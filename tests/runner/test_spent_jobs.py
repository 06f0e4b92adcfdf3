"""Succeeded Jobs of marked nodes go on the way, many with one request."""

from collections import Counter
from typing import Any

from kata_components.rollout.spent import BATCH
from tests.runner.fake_api import FakeKubeApi
from tests.runner.support import cluster, request, roll_out
from tests.runner.virtual_loop import simulate


def test_succeeded_jobs_are_removed_on_the_way_many_with_one_request() -> None:
    on = cluster(4 * BATCH)
    most = 0

    class Counting(FakeKubeApi):
        async def create_job(self, *call: Any) -> Any:
            nonlocal most
            most = max(most, len(on.jobs))
            return await super().create_job(*call)

    api = Counting(on)
    done = simulate(roll_out(api, request(10)))
    asked = Counter(api.asked)
    assert (done.outcome.installed, on.jobs) == (4 * BATCH, {})
    assert most < BATCH + 2 * 10
    assert asked["delete_jobs"] <= 5
    assert asked["delete_job"] == 0
    asked.pop("replace_lease")
    assert sum(asked.values()) <= 3.1 * 4 * BATCH


def test_a_soak_keeps_no_finished_jobs() -> None:
    on, left = cluster(6), []

    class Looking(FakeKubeApi):
        async def replace_lease(self, *call: Any) -> Any:
            left.append(len(on.jobs))
            return await super().replace_lease(*call)

    simulate(roll_out(Looking(on), request(waves=(3, "100%"), soak_seconds=600)))
    assert 0 in left[10:-10]
