"""An API server refuses what a run needs: retried for a while, then reported word for word."""

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

import pytest

from kata_components.errors import ApiError, RolloutStoppedError
from kata_components.kubernetes import failures
from kata_components.operations.install import Installed
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster, request, roll_out
from tests.model.virtual_loop import now, simulate
from tests.runners import dispatching

T = TypeVar("T")


class ExpiringApi(FakeKubeApi):
    """A client whose credential is not taken from one moment to another."""

    def __init__(self, on: Cluster, since: float, until: float = float("inf")) -> None:
        super().__init__(on)
        self.since, self.until = since, until

    async def _call(self, name: str, apply: Callable[[], T]) -> T:
        if self.since <= now() < self.until:
            await asyncio.sleep(0.02)
            raise failures.unauthorized("prod", "https://cluster", "log in again")
        return await super()._call(name, apply)


@pytest.mark.parametrize(("job_seconds", "marked_before"), [(4.0, 3), (200.0, 0)])
def test_credential_that_is_not_taken_any_more_ends_the_run_and_no_node_is_to_blame(
    job_seconds: float, marked_before: int
) -> None:
    on = cluster(12, job_seconds=job_seconds)

    async def expired_and_again() -> tuple[float, int]:
        with pytest.raises(
            (ApiError, RolloutStoppedError), match=r"the credential of context .* was rejected"
        ):
            await roll_out(ExpiringApi(on, since=6.0), request(max_failures=0))
        ended = now()
        return ended, (await roll_out(FakeKubeApi(on), request(max_failures=0))).outcome.installed

    ended, installed = simulate(expired_and_again())
    assert 60.0 < ended < 90.0
    assert installed == 12 - marked_before
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)


def test_credential_that_is_not_taken_for_a_moment_stops_nothing() -> None:
    on = cluster(12)
    done = simulate(roll_out(ExpiringApi(on, since=6.0, until=46.0), request(max_failures=0)))
    assert (done.outcome.installed, done.failure) == (12, "")
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)


class WatchlessApi(FakeKubeApi):
    """A client that may list Jobs and not watch them."""

    async def _call(self, name: str, apply: Callable[[], T]) -> T:
        if name == "watch_jobs":
            self.refuse(name, fake_api.forbidden("watch jobs"))
        return await super()._call(name, apply)


@pytest.mark.parametrize("run", [lambda api: roll_out(api, request()), dispatching.up])
def test_watch_that_is_refused_while_lists_are_not_ends_the_run_with_the_servers_words(
    run: Callable[[FakeKubeApi], Coroutine[Any, Any, Installed]],
) -> None:
    on = cluster(3, job_seconds=100.0)
    api = WatchlessApi(on)

    async def refused() -> float:
        with pytest.raises(ApiError, match='User "ann" cannot watch jobs'):
            await run(api)
        return now()

    assert 60.0 < simulate(refused()) < 70.0
    assert Counter(api.asked)["list_jobs"] < 70, "one each second"


def test_watch_that_is_refused_for_a_moment_stops_nothing() -> None:
    api = FakeKubeApi(cluster(3))
    api.refuse("watch_jobs", *[fake_api.forbidden("watch jobs")] * 40)
    assert simulate(roll_out(api, request())).outcome.installed == 3


def test_lost_right_to_list_jobs_ends_the_run_with_the_servers_words() -> None:
    api = FakeKubeApi(cluster(3))

    async def without_right() -> None:
        task = asyncio.create_task(roll_out(api, request()))
        await asyncio.sleep(1.0)
        api.refuse("list_jobs", *[fake_api.forbidden("list jobs")] * 1000)
        api.cluster.forget()
        with pytest.raises(ApiError, match='User "ann" cannot list jobs'):
            await task

    simulate(without_right())


def test_api_server_that_does_not_know_all_roles_yet_is_asked_again() -> None:
    on = cluster(6)
    api = FakeKubeApi(on)

    async def with_a_restart() -> int:
        task = asyncio.create_task(roll_out(api, request()))
        await asyncio.sleep(2.0)
        for call in ("list_jobs", "create_job", "patch_node", "watch_jobs"):
            api.refuse(call, *[fake_api.forbidden(call)] * 3)
        on.forget()
        return (await task).outcome.installed

    assert simulate(with_a_restart()) == 6
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)
