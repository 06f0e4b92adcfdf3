"""What becomes of finished Jobs, also if removing them fails or the run is interrupted before."""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest

from kata_components.errors import ApiError
from kata_components.kubernetes.objects import JobList
from kata_components.operations.install import Installed
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import uninstall
from kata_components.pacing.queues import REMOVAL_BATCH
from kata_components.planning.step import Action
from kata_components.runners.pulumi import PulumiRunner
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, Told, cluster, request, roll_out
from tests.model.virtual_loop import simulate
from tests.operations.test_deselected import deselecting, with_old_pool
from tests.operations.test_installation import end, installed

T = TypeVar("T")

INSTALL = "kata-deploy-install-"
CLEANUP = "kata-deploy-cleanup-"


def leftover(on: Cluster) -> int:
    return simulate(preview(FakeKubeApi(on), deselecting())).plan.leftover


def cleaned_without_removal(on: Cluster, error: Exception, told: Told) -> Installed:
    """Clean the nodes that are no longer selected; their Jobs cannot be removed."""
    api = FakeKubeApi(on)
    api.refuse("delete_job", *[error] * 10)
    return simulate(roll_out(api, deselecting(), told))


@pytest.mark.parametrize(
    "error", [fake_api.unreachable(), fake_api.server_error(), fake_api.forbidden("delete jobs")]
)
def test_jobs_that_cannot_be_removed_after_cleaning_are_told_and_the_next_run_removes_them(
    error: ApiError,
) -> None:
    on, told = with_old_pool(20, 2), Told()
    done = cleaned_without_removal(on, error, told)
    assert (done.outcome.cleaned, done.failure) == (2, "")
    assert told.lines[-1] == f"finished Jobs could not be removed, the next run does it: {error}"
    assert (len(on.jobs), leftover(on)) == (2, 2)
    simulate(roll_out(FakeKubeApi(on), deselecting()))
    assert (on.jobs, leftover(on)) == ({}, 0)
    assert on.starts == ["old-0", "old-1"]


def test_cleanup_job_of_a_node_that_still_has_its_mark_stays() -> None:
    on = with_old_pool(20, 2)

    async def killed_before_the_mark_goes() -> None:
        api = FakeKubeApi(on)
        api.refuse("patch_node", *[fake_api.unreachable()] * 50)
        task = asyncio.create_task(roll_out(api, deselecting()))
        await asyncio.sleep(6.0)
        api.dead = True
        on.add_nodes("node-new")
        await roll_out(FakeKubeApi(on), deselecting())
        task.cancel()

    simulate(killed_before_the_mark_goes())
    assert Counter(on.starts) == {"old-0": 1, "old-1": 1, "node-new": 1}
    assert (on.jobs, on.marked()) == (
        {},
        sorted(name for name in on.nodes if name.startswith("node")),
    )


def test_install_after_an_interrupted_destroy_removes_the_cleanup_jobs() -> None:
    on = with_old_pool(5, 0)

    async def destroyed_half_and_installed() -> None:
        destroying = asyncio.create_task(end(on))
        await asyncio.sleep(6.0)
        destroying.cancel()
        await asyncio.gather(destroying, return_exceptions=True)
        assert on.jobs
        await asyncio.sleep(10.0)
        await roll_out(FakeKubeApi(on), request())

    simulate(destroyed_half_and_installed())
    assert (on.jobs, leftover(on)) == ({}, 0)
    assert on.marked() == sorted(on.nodes)
    assert {step.action for step in simulate(preview(FakeKubeApi(on), request())).plan.steps} == {
        Action.UP_TO_DATE
    }


def test_failed_jobs_of_cleanups_stay_for_diagnosis() -> None:
    on = with_old_pool(20, 1)
    on.fates["old-0"] = "fails"
    simulate(roll_out(FakeKubeApi(on), deselecting()))
    assert list(on.jobs) == ["kata-deploy-cleanup-old-0"]
    assert leftover(on) == 0


def test_a_rollout_that_finds_no_job_of_a_cleanup_lists_none_in_the_end() -> None:
    api = FakeKubeApi(cluster(3))
    simulate(roll_out(api, request()))
    assert Counter(api.asked)["list_jobs"] == 2 + 1 + 1, (
        "both plans, a look for a dispatcher, the first of the run"
    )


def test_removal_of_all_jobs_in_the_end_is_asked_for_again_when_the_server_takes_too_long() -> None:
    on = installed(3)
    api, told = FakeKubeApi(on), Told()
    api.refuse(
        "delete_jobs",
        ApiError(504, "Timeout", "request did not complete within 60s"),
        fake_api.unreachable(),
    )
    simulate(uninstall(api, ENDING, PulumiRunner, told))
    assert (on.jobs, on.leases) == ({}, {})
    assert told.lines[-1].startswith("cleaned 3 nodes in ")


def test_removal_of_all_jobs_that_is_refused_for_good_leaves_the_lease() -> None:
    on = installed(1)
    api, told = FakeKubeApi(on), Told()
    api.refuse("delete_jobs", fake_api.denied_by_admission())
    with pytest.raises(ApiError, match="denied the request"):
        simulate(uninstall(api, ENDING, PulumiRunner, told))
    assert on.leases


@pytest.mark.parametrize("old", [2, REMOVAL_BATCH + 10])
def test_the_install_job_of_a_clean_node_goes_before_the_job_that_cleaned_it(old: int) -> None:
    on = cluster(10 * old)
    on.add_nodes(*(f"old-{number}" for number in range(old)), labels={"pool": "old"})
    left = FakeKubeApi(on)
    left.refuse("delete_jobs", *[fake_api.forbidden("delete jobs")] * 50)
    simulate(roll_out(left, request(50)))
    assert len(on.jobs) == 11 * old

    class Watched(FakeKubeApi):
        async def _call(self, name: str, apply: Callable[[], T]) -> T:
            answer = await super()._call(name, apply)
            clean = on.nodes.keys() - set(on.marked())
            left_alone.update(
                n for n in clean if f"{INSTALL}{n}" in on.jobs and f"{CLEANUP}{n}" not in on.jobs
            )
            return answer

        async def list_jobs(self, namespace: str, selector: str) -> JobList:
            found = await super().list_jobs(namespace, selector)
            # As an API server lists them: by name, those of cleanups first.
            return JobList(
                items=sorted(found.items, key=lambda job: job.metadata.name),
                resource_version=found.resource_version,
            )

    left_alone: set[str] = set()
    done = simulate(roll_out(Watched(on), deselecting()))
    assert (done.outcome.cleaned, left_alone) == (old, set())
    assert not any("old" in name for name in on.jobs)
