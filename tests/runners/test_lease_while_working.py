"""The Lease during work: always renewed, and nothing is done on one that may be lost."""

import asyncio
import contextlib

import pytest

from kata_components.errors import GuardError, RolloutStoppedError
from kata_components.kubernetes.pods import Pod
from kata_components.operations.install import Installed
from tests.model import fake_api
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, cluster, roll_out, take_lease
from tests.model.virtual_lease import holding, stopped
from tests.model.virtual_loop import now, simulate
from tests.runners import dispatching


class Sleeper:
    """A machine whose clock goes on while its event loop does not."""

    asleep = 0.0

    def clock(self) -> float:
        return now() + self.asleep


def test_short_works_in_a_row_do_not_let_the_lease_run_out() -> None:
    api = FakeKubeApi(cluster(0))

    async def works() -> list[bool]:
        fresh = []
        async with holding(api) as lock:
            for _ in range(20):
                await lock.when_fresh(asyncio.sleep(5.0))
                fresh.append(lock.fresh)
        return fresh

    assert all(simulate(works()))
    assert 14 <= api.asked.count("replace_lease") <= 16, "as often as in a single long work"


@pytest.mark.parametrize("asleep", [0.0, 3600.0])
def test_work_on_a_lease_that_may_be_lost_begins_once_it_is_renewed(asleep: float) -> None:
    machine, api = Sleeper(), FakeKubeApi(cluster(0))

    async def late() -> list[bool]:
        async with holding(api, clock=machine.clock) as lock:
            machine.asleep, api.down_until = asleep, 20.0
            await asyncio.sleep(19.5)
            before = lock.fresh

            async def work() -> bool:
                await asyncio.sleep(0.0)
                return lock.fresh

            return [before, await lock.when_fresh(work())]

    assert simulate(late()) == [False, True]


def test_work_on_a_lease_that_somebody_has_taken_never_begins() -> None:
    on, thief = cluster(0), "ben@laptop (pid 7)"
    api, begun = FakeKubeApi(on), []

    async def work() -> None:
        await asyncio.sleep(0.0)
        begun.append(True)

    async def late() -> None:
        async with holding(api) as lock:
            api.down_until = 20.0
            await asyncio.sleep(19.5)
            take_lease(on, thief)
            await lock.when_fresh(work())

    with pytest.raises(RolloutStoppedError, match=r"ben@laptop \(pid 7\) has taken it"):
        simulate(late())
    assert begun == []


def test_a_machine_that_slept_waits_five_minutes_awake_for_the_api_server() -> None:
    machine, api = Sleeper(), FakeKubeApi(cluster(0))

    async def woken() -> None:
        async with holding(api, clock=machine.clock) as lock:
            await asyncio.sleep(1.0)
            machine.asleep = 8 * 3600.0
            api.down_until = 200.0
            await asyncio.sleep(210.0)
            assert lock.fresh
            api.down_until = 10_000.0
            await asyncio.sleep(10_000.0)

    text, end = simulate(stopped(woken()))
    assert "connection refused" in text
    assert 510.0 < end < 525.0


def test_failed_renewals_count_together_however_short_the_works_are() -> None:
    api = FakeKubeApi(cluster(0))

    async def works() -> None:
        async with holding(api):
            api.down_until = 10_000.0
            for _ in range(100):
                await asyncio.sleep(5.0)

    text, end = simulate(stopped(works()))
    assert str(fake_api.unreachable()) in text
    assert 300.0 < end < 320.0


def test_a_lost_lease_cuts_off_a_write_that_is_under_way_and_nothing_follows_it() -> None:
    on = cluster(0)
    cut_off = []

    async def write() -> None:
        try:
            await asyncio.sleep(100.0)
        except asyncio.CancelledError:
            cut_off.append(now())
            raise

    async def works() -> None:
        async with holding(FakeKubeApi(on)) as lock:
            take_lease(on, "ben@laptop (pid 7)")
            await lock.when_fresh(write())

    text, end = simulate(stopped(works()))
    assert "has taken it" in text
    assert cut_off == [pytest.approx(end, abs=1.0)]
    assert end < 10.0


def test_work_that_survives_the_end_of_the_lease_is_stopped_at_its_next_write() -> None:
    """An error that comes at the same moment may swallow the cancellation."""
    on, begun = cluster(0), []

    async def write() -> None:
        begun.append(True)

    async def works() -> None:
        async with holding(FakeKubeApi(on)) as lock:
            take_lease(on, "ben@laptop (pid 7)")
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(100.0)
            assert not lock.fresh
            await lock.when_fresh(write())

    text, end = simulate(stopped(works()))
    assert "has taken it" in text
    assert end < 10.0
    assert begun == []


def test_an_error_of_the_work_comes_out_as_it_is_and_gives_the_lease_back() -> None:
    on = cluster(0)

    async def works() -> None:
        async with holding(FakeKubeApi(on)):
            await asyncio.sleep(10.0)
            raise GuardError("no")

    with pytest.raises(GuardError, match="no"):
        simulate(works())
    assert on.leases[LEASE]["spec"] == {}


def test_what_fails_on_the_way_out_does_not_hide_why_the_lease_was_lost() -> None:
    on = cluster(0)

    async def works() -> None:
        async with holding(FakeKubeApi(on)):
            take_lease(on, "ben@laptop (pid 7)")
            try:
                await asyncio.sleep(100.0)
            finally:
                raise fake_api.server_error()

    with pytest.raises(RolloutStoppedError, match="has taken it"):
        simulate(works())


@pytest.mark.parametrize("at", [3.0, 7.03, 10.0])
def test_a_run_that_is_cancelled_gives_the_lease_back_even_in_the_middle_of_a_renewal(
    at: float,
) -> None:
    on = cluster(0)

    async def works() -> None:
        async with holding(FakeKubeApi(on)):
            await asyncio.sleep(100.0)

    async def cancelled() -> bool:
        task = asyncio.create_task(works())
        await asyncio.sleep(at)
        task.cancel()
        await asyncio.wait({task})
        return task.cancelled()

    assert simulate(cancelled())
    assert on.leases[LEASE]["spec"] == {}


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
