"""A quota on Jobs counts finished ones too: it slows a rollout down, and no node is to blame."""

import asyncio
from typing import Any

import pytest

from kata_components.errors import RolloutStoppedError
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.history import RefusedError
from tests.model.installation import Told, cluster, request, roll_out
from tests.model.virtual_loop import simulate


def with_quota(nodes: int, jobs: int) -> Cluster:
    on = cluster(nodes)
    admit = on.admit_job

    def admitted(namespace: str, manifest: Any) -> None:
        if len(on.jobs) >= jobs:
            text = "jobs.batch is forbidden: exceeded quota: jobs, limited: count/jobs.batch"
            raise RefusedError(403, "Forbidden", text)
        admit(namespace, manifest)

    on.admit_job = admitted  # type: ignore[method-assign] # of this one cluster
    return on


@pytest.mark.parametrize("jobs", [1, 5])
def test_finished_jobs_of_marked_nodes_make_room(jobs: int) -> None:
    on = with_quota(30, jobs=jobs)
    api = FakeKubeApi(on)
    done = simulate(roll_out(api, request(parallelism=3)))
    assert (done.outcome.installed, done.outcome.failed, done.failure) == (30, 0, "")
    assert len(on.starts) == 30
    assert api.asked.count("create_job") < 3 * 30


def test_failed_jobs_stay_for_diagnosis() -> None:
    on = with_quota(9, jobs=4)
    on.fates["node-00"] = "fails"
    done = simulate(roll_out(FakeKubeApi(on), request(parallelism=3)))
    assert (done.outcome.installed, done.outcome.failed_nodes) == (8, ("node-00",))
    assert list(on.jobs) == ["kata-deploy-install-node-00"]


def test_a_quota_that_others_use_up_ends_the_run_as_a_stop() -> None:
    on, told = with_quota(3, jobs=0), Told()

    async def story() -> float:
        with pytest.raises(RolloutStoppedError, match="exceeded quota"):
            await roll_out(FakeKubeApi(on), request(), told)
        return asyncio.get_running_loop().time()

    assert 300 < simulate(story()) < 400
    assert any("exceeded quota" in line for line in told.lines)
    assert on.starts == []
