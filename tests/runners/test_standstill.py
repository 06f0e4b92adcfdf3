"""Requests that get nowhere while the Lease renews: said after a minute, given up after five.

No loop is endless.
"""

import asyncio
import re
from collections import Counter
from collections.abc import Callable
from typing import TypeVar

import pytest

from kata_components.errors import ApiError, RolloutStoppedError
from kata_components.kubernetes.api import Manifest
from kata_components.kubernetes.objects import Job
from kata_components.operations.install import Installed
from tests.model import fake_api
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import Told, cluster, request, roll_out
from tests.model.virtual_loop import now, simulate

T = TypeVar("T")

THROTTLED = ApiError(429, "TooManyRequests", "the server is overloaded")
BUSY = ApiError(409, "Conflict", "the object has been modified")
SLOW = TimeoutError()
WEBHOOK_SECONDS = 11.0
"""More than a create may take."""
LISTS_OF_PLANNING = 3


class Failing(FakeKubeApi):
    """After some calls, one kind of request is slow or fails until some second."""

    def __init__(self, call: str, error: Exception, *, spared: int = 0, until: float = 1e9) -> None:
        super().__init__(cluster(6))
        self._failing, self._error, self._spared, self._until = call, error, spared, until

    async def _call(self, name: str, apply: Callable[[], T]) -> T:
        fails = (
            name == self._failing and self.asked.count(name) >= self._spared and now() < self._until
        )
        if not fails:
            return await super()._call(name, apply)
        self.asked.append(name)
        await asyncio.sleep(WEBHOOK_SECONDS if self._error is SLOW else fake_api.LATENCY)
        raise self._error


class Slow(FakeKubeApi):
    """Creates take long; one that is given up meanwhile is not applied.

    `tried` are the names of all.
    """

    def __init__(self, seconds: float) -> None:
        super().__init__(cluster(6))
        self._seconds = seconds
        self.tried: list[str] = []

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        self.tried.append(manifest["metadata"]["name"])
        await asyncio.sleep(self._seconds)
        return await super().create_job(namespace, manifest)


LOOPS = pytest.mark.parametrize(
    ("call", "error", "doing"),
    [
        ("create_job", SLOW, "create Jobs"),
        ("create_job", THROTTLED, "create Jobs"),
        ("patch_node", THROTTLED, "write to nodes"),
        ("patch_node", BUSY, "write to nodes"),
        ("list_jobs", fake_api.server_error(), "list Jobs"),
    ],
)


def failing(call: str, error: Exception, until: float = 1e9) -> Failing:
    return Failing(call, error, spared=LISTS_OF_PLANNING if call == "list_jobs" else 0, until=until)


async def rolled_out(api: FakeKubeApi, told: Told) -> Installed:
    # The driver lists again, where that is what fails.
    asyncio.get_running_loop().call_later(3.0, api.cluster.forget)
    return await roll_out(api, request(), told)


@LOOPS
def test_what_never_succeeds_ends_as_a_stop_that_can_be_resumed(
    call: str, error: Exception, doing: str
) -> None:
    told, api = Told(), failing(call, error)

    async def story() -> float:
        with pytest.raises(
            RolloutStoppedError,
            match=rf"not let this run {doing} for 5m.*Run the same command again",
        ):
            await rolled_out(api, told)
        return now()

    assert 300.0 < simulate(story()) < 420.0
    said = [line for line in told.lines if f"not let this run {doing} for" in line]
    assert len(said) == 1
    assert re.search(r" for 1m[0-4]\ds: ", said[0])
    assert any(
        f"not let this run {doing}" in text for progress in told.shown for text in progress.holdups
    )
    assert len(api.asked) < 3000


@LOOPS
def test_what_succeeds_again_goes_on(call: str, error: Exception, doing: str) -> None:
    told, api = Told(), failing(call, error, until=200.0)
    assert simulate(rolled_out(api, told)).outcome.installed == 6
    assert any(doing in line for line in told.lines)
    assert not told.shown[-1].holdups


def test_refusals_are_waited_for_while_jobs_are_at_work_whose_end_may_help() -> None:
    api = Failing("create_job", THROTTLED, spared=3)
    api.cluster.job_seconds = 500.0

    async def story() -> float:
        with pytest.raises(RolloutStoppedError):
            await rolled_out(api, Told())
        return now()

    assert simulate(story()) > 800.0
    assert len(api.cluster.marked()) == 3


def test_an_outage_is_no_standstill() -> None:
    told, api = Told(), FakeKubeApi(cluster(30))

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(3.0, lambda: setattr(api, "down_until", 250.0))
        return await rolled_out(api, told)

    assert simulate(story()).outcome.installed == 30
    assert not any("not let this run" in line for line in told.lines)


def test_a_webhook_that_takes_long_but_not_too_long_is_given_the_time_it_needs() -> None:
    api = Slow(9.5)
    assert simulate(rolled_out(api, Told())).outcome.installed == 6
    assert max(Counter(api.tried).values()) <= 2


def test_a_failed_node_that_is_changed_by_others_all_the_time_ends_the_run_as_a_stop_too() -> None:
    api, told = failing("patch_node", BUSY), Told()
    api.cluster.fates |= dict.fromkeys(api.cluster.nodes, "fails")

    async def story() -> float:
        with pytest.raises(RolloutStoppedError, match="others keep changing the node"):
            await rolled_out(api, told)
        return now()

    assert 300 < simulate(story()) < 500
