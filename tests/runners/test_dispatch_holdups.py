"""What holds up the dispatcher or its Jobs is shown, and is part of the failure text."""

import asyncio

import pytest

from kata_components.errors import RolloutStoppedError
from kata_components.operations.install import Installed
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import Told, cluster
from tests.model.virtual_loop import now, simulate
from tests.runners.dispatching import interrupted, up

JOB = "kata-deploy-install-node-00"
PULL = {"waiting": {"reason": "ErrImagePull", "message": "manifest unknown"}}
SAYS = "stage artifacts cannot start: ErrImagePull: manifest unknown"


def stuck() -> Cluster:
    return cluster(3, fates={"node-00": "hangs"}, stages={"node-00": PULL})


def first_told(told: Told, text: str) -> int:
    """Return the second at which a text came onto the row.

    It is told once a second in the first minute.
    """
    return next(
        second
        for second, progress in enumerate(told.shown, 1)
        if text in " ".join(progress.holdups)
    )


def test_a_per_node_job_that_is_stuck_says_why_and_so_does_its_failure() -> None:
    on, told = stuck(), Told()

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(120.0, on.expire_job, JOB)
        return await up(FakeKubeApi(on), told=told)

    done = simulate(story())
    assert first_told(told, f"node-00: {SAYS}") < 60
    assert f"node-00: {SAYS}, until it ended: DeadlineExceeded" in done.failure


def test_what_an_interrupted_run_has_left_at_work_is_shown_while_it_is_waited_for() -> None:
    on, told = stuck(), Told()

    async def story() -> Installed:
        await interrupted(up(FakeKubeApi(on)), 20.0)
        asyncio.get_running_loop().call_later(100.0, on.end_job, JOB)
        return await up(FakeKubeApi(on), told=told)

    assert simulate(story()).outcome.remaining == 0
    assert first_told(told, SAYS) < 60


def test_a_dispatcher_that_does_not_start_says_why_within_a_minute() -> None:
    on, told = cluster(2, dispatcher_fate="waits"), Told()
    with pytest.raises(RolloutStoppedError, match="has not started in 600 s"):
        simulate(up(FakeKubeApi(on), told=told))
    says = (
        "the dispatcher kata-deploy-install-dispatcher: "
        "stage dispatcher cannot start: ImagePullBackOff: no such"
    )
    assert first_told(told, says) < 60


def test_a_list_that_never_succeeds_ends_the_run_as_a_stop() -> None:
    on, told = cluster(2, fates={"node-00": "hangs"}), Told()
    api = FakeKubeApi(on)

    def lose() -> None:
        on.forget()
        api.refuse("list_jobs", *[fake_api.server_error()] * 10_000)

    async def story() -> float:
        asyncio.get_running_loop().call_later(30.0, lose)
        with pytest.raises(RolloutStoppedError, match="not let this run list Jobs for 5m"):
            await up(api, told=told)
        return now()

    assert 330.0 < simulate(story()) < 420.0
    assert sum("not let this run list Jobs" in line for line in told.lines) == 1
