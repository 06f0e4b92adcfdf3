"""The Lease during work: renewed however short its pieces are, and nothing is done on one that may be lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from kata_components.errors import RolloutStoppedError
from kata_components.kubernetes.pods import Pod
from kata_components.operations.install import Installed
from kata_components.runners.lease import HeldLease, held
from tests.model import fake_api
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, NAMESPACE, OWNER, cluster, hold_lease, roll_out
from tests.model.virtual_loop import now, simulate
from tests.runners import dispatching


class Sleeper:
    """A machine whose clock goes on while its event loop does not."""

    asleep = 0.0

    def clock(self) -> float:
        return now() + self.asleep

    @asynccontextmanager
    async def holding(self, api: FakeKubeApi) -> AsyncIterator[HeldLease]:
        async with held(api, NAMESPACE, LEASE, owner=OWNER, say=print, clock=self.clock) as lock:
            yield lock


async def in_a_row(lock: HeldLease, works: int) -> list[bool]:
    """Do works that are shorter than the time between renewals.

    Return whether the Lease was fresh after each.
    """
    fresh = []
    for _ in range(works):
        await lock.kept(asyncio.sleep(5.0))
        fresh.append(lock.fresh)
    return fresh


def test_short_works_in_a_row_do_not_let_the_lease_run_out() -> None:
    on = cluster(0)

    async def works() -> list[bool]:
        async with Sleeper().holding(FakeKubeApi(on)) as lock:
            return await in_a_row(lock, 20)

    assert all(simulate(works()))


@pytest.mark.parametrize("asleep", [0.0, 3600.0])
def test_work_on_a_lease_that_may_be_lost_begins_once_it_is_renewed(asleep: float) -> None:
    machine, api = Sleeper(), FakeKubeApi(cluster(0))

    async def late() -> bool:
        async with machine.holding(api) as lock:
            machine.asleep = asleep
            await asyncio.sleep(20.0)

            async def work() -> bool:
                await asyncio.sleep(0.0)
                return lock.fresh

            return await lock.kept(work())

    assert simulate(late())


def test_work_on_a_lease_that_somebody_has_taken_never_begins() -> None:
    on, thief = cluster(0), "ben@laptop (pid 7)"
    begun = []

    async def work() -> None:
        await asyncio.sleep(0.0)
        begun.append(True)

    async def late() -> None:
        async with Sleeper().holding(FakeKubeApi(on)) as lock:
            await asyncio.sleep(20.0)
            hold_lease(on, thief)
            with pytest.raises(RolloutStoppedError, match=r"ben@laptop \(pid 7\) has taken it"):
                await lock.kept(work())

    simulate(late())
    assert begun == []


def test_a_machine_that_slept_waits_five_minutes_awake_for_the_api_server() -> None:
    machine, api = Sleeper(), FakeKubeApi(cluster(0))

    async def woken() -> float:
        async with machine.holding(api) as lock:
            keeping = asyncio.create_task(lock.keep())
            await asyncio.sleep(1.0)
            machine.asleep = 8 * 3600.0
            api.down_until = 200.0
            await asyncio.sleep(210.0)
            assert lock.fresh
            api.down_until = 10_000.0
            with pytest.raises(RolloutStoppedError, match="connection refused"):
                await keeping
            return now()

    assert 510.0 < simulate(woken()) < 525.0


def test_failed_renewals_count_together_however_short_the_works_are() -> None:
    api = FakeKubeApi(cluster(0))

    async def works() -> float:
        async with Sleeper().holding(api) as lock:
            api.down_until = 10_000.0
            with pytest.raises(RolloutStoppedError, match=str(fake_api.unreachable())):
                await in_a_row(lock, 100)
            return now()

    assert 300.0 < simulate(works()) < 320.0


def test_lease_is_renewed_while_the_dispatcher_of_an_earlier_run_takes_its_time_to_end() -> None:
    on = cluster(3)
    renewals = []

    class SlowToEnd(FakeKubeApi):
        async def list_pods(
            self, namespace: str, selector: str, field_selector: str = ""
        ) -> list[Pod]:
            before = self.asked.count("replace_lease")
            await asyncio.sleep(30.0)
            renewals.append(self.asked.count("replace_lease") - before)
            return await super().list_pods(namespace, selector, field_selector)

    async def story() -> Installed:
        await dispatching.interrupted(dispatching.up(FakeKubeApi(on)), 4.0)
        return await roll_out(SlowToEnd(on), dispatching.request(dispatching.settings()))

    assert simulate(story()).outcome.installed == 3
    assert renewals[0] == 4
