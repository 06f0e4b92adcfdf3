"""Who holds the Lease and whether it is alive: nobody is robbed, nobody waits forever."""

import asyncio

import pytest

from kata_components.errors import LeaseHeldError
from kata_components.runners.lease_manifest import holder_identity
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, NAMESPACE, SINCE, Told, cluster, take_lease
from tests.model.virtual_lease import holding
from tests.model.virtual_loop import now, simulate


def test_live_holder_is_refused_with_its_name_and_since_when() -> None:
    on = cluster(0)
    take_lease(on, "ben@laptop (pid 7)")

    async def refused() -> float:
        asyncio.get_running_loop().call_at(3.0, take_lease, on, "ben@laptop (pid 7)")
        with pytest.raises(LeaseHeldError) as caught:
            async with holding(FakeKubeApi(on)):
                pass
        assert f"ben@laptop (pid 7) since {SINCE} (Lease kube-system/kata-deploy)" in str(
            caught.value
        )
        assert "Nothing was started" in str(caught.value)
        return now()

    assert simulate(refused()) < 5.0
    assert on.leases[LEASE]["spec"]["holderIdentity"] == "ben@laptop (pid 7)"


def test_dead_holder_is_replaced_after_one_duration_without_renewal() -> None:
    on, told = cluster(0), Told()
    take_lease(on, "ben@laptop (pid 7)")

    async def take_over() -> float:
        async with holding(FakeKubeApi(on), reporter=told):
            assert on.leases[LEASE]["spec"]["holderIdentity"] == holder_identity()
            return now()

    assert 15.0 <= simulate(take_over()) < 16.0
    assert told.lines == [
        f"the Lease kube-system/kata-deploy is held by ben@laptop (pid 7) since {SINCE}; "
        "waiting 15 s to see whether that run is alive"
    ]


def test_what_others_note_on_the_lease_is_no_sign_of_life() -> None:
    on = cluster(0)
    take_lease(on, "ben@laptop (pid 7)")

    def note() -> None:
        metadata = on.leases[LEASE]["metadata"]
        noted = {"annotations": metadata["annotations"] | {"team": "storage"}}
        on.replace_lease(NAMESPACE, LEASE, on.leases[LEASE] | {"metadata": metadata | noted})

    async def take_over() -> float:
        for at in (2.0, 7.0, 14.5):
            asyncio.get_running_loop().call_at(at, note)
        async with holding(FakeKubeApi(on)):
            assert on.leases[LEASE]["spec"]["holderIdentity"] == holder_identity()
            return now()

    assert 15.0 <= simulate(take_over()) < 17.0
    assert on.leases[LEASE]["metadata"]["annotations"]["team"] == "storage"


def test_another_holder_is_a_sign_of_life_too() -> None:
    on = cluster(0)
    take_lease(on, "ben@laptop (pid 7)")

    async def refused() -> None:
        asyncio.get_running_loop().call_at(3.0, take_lease, on, "eve@ci (pid 8)")
        with pytest.raises(LeaseHeldError, match="eve@ci"):
            async with holding(FakeKubeApi(on)):
                pass

    simulate(refused())


@pytest.mark.parametrize(("claimed", "waited"), [(86_400, 60.0), (30, 30.0), (0, 15.0)])
def test_a_lease_is_not_believed_whatever_duration_it_claims(claimed: int, waited: float) -> None:
    on = cluster(0)
    take_lease(on, "ben@laptop (pid 7)", duration=claimed)

    async def take_over() -> float:
        async with holding(FakeKubeApi(on)):
            return now()

    assert waited <= simulate(take_over()) < waited + 2.0


def test_holder_that_ends_meanwhile_is_followed_at_once() -> None:
    on = cluster(0)
    take_lease(on, "ben@laptop (pid 7)")

    async def follow() -> float:
        loop = asyncio.get_running_loop()
        loop.call_at(
            2.5, lambda: on.replace_lease(NAMESPACE, LEASE, on.leases[LEASE] | {"spec": {}})
        )
        async with holding(FakeKubeApi(on)):
            return now()

    assert simulate(follow()) < 4.0


def test_of_two_that_take_a_free_lease_one_gets_it() -> None:
    on = cluster(0)

    async def hold() -> str:
        async with holding(FakeKubeApi(on)):
            await asyncio.sleep(1.0)
            return "held"

    async def both() -> tuple[str | BaseException, str | BaseException]:
        return await asyncio.gather(hold(), hold(), return_exceptions=True)

    first, second = simulate(both())
    assert first == "held"
    assert isinstance(second, LeaseHeldError)
