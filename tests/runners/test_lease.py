"""The Lease: who may work on an installation, for how long, and what stays of it."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kata_components import names
from kata_components.errors import ApiError
from kata_components.runners import lease as leases
from kata_components.runners.lease_manifest import holder_identity, lease_manifest
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import (
    INSTALLATION,
    LEASE,
    NAMESPACE,
    STACK,
    cluster,
    take_lease,
)
from tests.model.virtual_lease import holding, stopped
from tests.model.virtual_loop import now, simulate


async def lost(api: FakeKubeApi, happen: Callable[[], object]) -> tuple[str, float]:
    """Hold the Lease while something happens to it; return how the run is stopped, and when."""

    async def run() -> None:
        async with holding(api):
            happen()
            await asyncio.sleep(1000.0)

    return await stopped(run())


def spec(on: Cluster) -> dict[str, Any]:
    found: dict[str, Any] = on.leases[LEASE]["spec"]
    return found


def test_holder_is_in_the_lease_while_it_is_held_and_only_then() -> None:
    on = cluster(0)

    async def hold() -> None:
        async with holding(FakeKubeApi(on)) as lock:
            assert spec(on)["holderIdentity"] == holder_identity()
            assert spec(on)["leaseDurationSeconds"] == 15
            assert lock.fresh

    simulate(hold())
    assert spec(on) == {}


def test_release_keeps_what_the_installation_is_found_by() -> None:
    on = cluster(0)
    uid = on.leases[LEASE]["metadata"]["uid"]

    async def hold() -> None:
        async with holding(FakeKubeApi(on)):
            await asyncio.sleep(20.0)

    simulate(hold())
    metadata = on.leases[LEASE]["metadata"]
    assert metadata["uid"] == uid
    assert metadata["annotations"] == {
        names.INSTALLATION_ANNOTATION: INSTALLATION,
        names.STACK_ANNOTATION: STACK,
    }


def test_renewals_keep_the_time_of_acquisition() -> None:
    on = cluster(0)

    async def hold() -> tuple[dict[str, Any], dict[str, Any]]:
        async with holding(FakeKubeApi(on)):
            first = spec(on)
            await asyncio.sleep(20.0)
            return first, spec(on)

    first, later = simulate(hold())
    assert later["acquireTime"] == first["acquireTime"]
    assert later["renewTime"] > first["renewTime"]


def test_lease_is_fresh_until_shortly_before_its_end() -> None:
    api = FakeKubeApi(cluster(0))

    async def without_renewal() -> list[bool]:
        async with holding(api) as lock:
            api.down_until = 100.0
            await asyncio.sleep(11.9)
            shortly_before = lock.fresh
            await asyncio.sleep(0.2)
            return [shortly_before, lock.fresh]

    assert simulate(without_renewal()) == [True, False]


def test_freshness_counts_from_before_the_request_that_took_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fake_api, "LATENCY", 9.0)

    async def slow() -> bool:
        async with holding(FakeKubeApi(cluster(0))) as lock:
            await asyncio.sleep(4.0)
            return lock.fresh

    assert not simulate(slow()), "13 of 15 s may have passed on the server"


def test_one_renewal_without_an_answer_stops_nothing() -> None:
    api = FakeKubeApi(cluster(0))

    async def seconds() -> list[bool]:
        async with holding(api) as lock:
            api.lose_answer("replace_lease", fake_api.unreachable())
            fresh = []
            for _ in range(60):
                await asyncio.sleep(1.0)
                fresh.append(lock.fresh)
            return fresh

    assert all(simulate(seconds()))


def test_a_machine_that_slept_starts_nothing_until_it_has_renewed() -> None:
    api = FakeKubeApi(cluster(0))
    asleep = 0.0

    def clock() -> float:
        return now() + asleep

    async def sleep() -> list[bool]:
        nonlocal asleep
        async with holding(api, clock=clock) as lock:
            await asyncio.sleep(5.0)
            fresh = [lock.fresh]
            asleep = 3600.0
            fresh.append(lock.fresh)
            await asyncio.sleep(leases.RENEW_SECONDS + 1.0)
            return [*fresh, lock.fresh]

    assert simulate(sleep()) == [True, False, True]


def test_renewal_whose_answer_got_lost_is_no_theft() -> None:
    on = cluster(0)
    api = FakeKubeApi(on)

    async def lost() -> bool:
        async with holding(api) as lock:
            api.lose_answer("replace_lease", fake_api.unreachable(), fake_api.server_error())
            await asyncio.sleep(30.0)
            return lock.fresh

    assert simulate(lost())


def test_lease_is_given_back_even_when_a_renewal_lands_after_its_run() -> None:
    on = cluster(0)

    async def hold() -> None:
        async with holding(FakeKubeApi(on)):
            await asyncio.sleep(1.0)
            on.replace_lease(NAMESPACE, LEASE, on.leases[LEASE])

    simulate(hold())
    assert spec(on) == {}


def test_taken_lease_ends_the_run_with_the_name_of_the_taker() -> None:
    on, thief = cluster(0), "ben@laptop (pid 7)"
    text, _ = simulate(lost(FakeKubeApi(on), lambda: take_lease(on, thief)))
    assert f"({thief} has taken it). Running Jobs continue; no new Job is started" in text
    assert spec(on)["holderIdentity"] == thief


@pytest.mark.parametrize(
    "refusal",
    [
        ApiError(
            422, "Invalid", "metadata.annotations: Too long: may not be more than 262144 bytes"
        ),
        ApiError(403, "Forbidden", 'admission webhook "freeze" denied the request: no changes'),
        ApiError(400, "BadRequest", "unknown field"),
    ],
)
def test_renewal_that_is_refused_for_good_ends_the_run_at_once_with_the_servers_words(
    refusal: ApiError,
) -> None:
    api = FakeKubeApi(cluster(0))
    text, end = simulate(lost(api, lambda: api.refuse("replace_lease", *[refusal] * 1000)))
    assert f"could not be kept ({refusal})" in text
    assert end < 10.0


def test_renewal_that_a_starting_api_server_refuses_is_tried_again_for_a_minute() -> None:
    api = FakeKubeApi(cluster(0))
    refusal = fake_api.forbidden("update leases")

    async def refused_for_a_while() -> bool:
        async with holding(api) as lock:
            api.refuse("replace_lease", *[refusal] * 30)
            await asyncio.sleep(200.0)
            return lock.fresh

    assert simulate(refused_for_a_while())
    _, end = simulate(lost(api, lambda: api.refuse("replace_lease", *[refusal] * 1000)))
    assert 60.0 < end < 75.0


def test_deleted_lease_is_not_made_again_and_ends_the_run() -> None:
    on = cluster(0)
    text, end = simulate(lost(FakeKubeApi(on), lambda: on.leases.pop(LEASE)))
    assert "kata-deploy not found" in text
    assert end < 10.0
    assert on.leases == {}


def test_deleted_and_remade_lease_is_not_taken_for_ours() -> None:
    on = cluster(0)

    def remake() -> None:
        del on.leases[LEASE]
        other = lease_manifest(LEASE, installation="other", stack="other/stack")
        on.create_lease(NAMESPACE, other)

    text, _ = simulate(lost(FakeKubeApi(on), remake))
    assert "somebody has taken it" in text
    assert on.leases[LEASE]["metadata"]["annotations"][names.INSTALLATION_ANNOTATION] == "other"


def test_lease_that_is_not_there_is_an_error_of_the_server() -> None:
    async def absent() -> None:
        async with holding(FakeKubeApi(Cluster())):
            pass

    with pytest.raises(ApiError, match="kata-deploy not found"):
        simulate(absent())
