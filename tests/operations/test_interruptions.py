"""Run, Lease, answers or API server fail: no node is lost or done twice; the end has a reason."""

import asyncio
import contextlib
from collections import Counter

import pytest

from kata_components.errors import ApiError, LeaseHeldError, RolloutStoppedError
from kata_components.operations.preview import preview
from tests.model import fake_api
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, Told, cluster, request, roll_out, take_lease
from tests.model.virtual_loop import now, simulate


def test_killed_run_is_taken_up_where_it_was() -> None:
    on = cluster(12)
    told = Told()

    async def killed_and_again() -> int:
        first = FakeKubeApi(on)
        task = asyncio.create_task(roll_out(first, request()))
        await asyncio.sleep(6.0)
        first.dead = True
        done = await roll_out(FakeKubeApi(on), request(), told)
        task.cancel()
        return done.outcome.installed

    before_the_kill = 3
    assert simulate(killed_and_again()) == 12 - before_the_kill
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)
    assert (on.most_active, on.marked()) == (3, sorted(on.nodes))
    assert told.lines[0].startswith("the Lease kube-system/kata-deploy is held by ")


def test_a_soak_that_was_cut_off_goes_on_in_the_next_run() -> None:
    on = cluster(3)
    wanted = request(waves=("canary", "100%"), soak_seconds=1000)
    told = Told()

    async def interrupted_and_again() -> tuple[int, float]:
        first = asyncio.create_task(roll_out(FakeKubeApi(on), wanted))
        await asyncio.sleep(100.0)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        soaking = len(on.starts)
        await roll_out(FakeKubeApi(on), wanted, told)
        return soaking, now()

    soaking, end = simulate(interrupted_and_again())
    assert (soaking, len(on.starts)) == (1, 3)
    assert 1000 < end < 1060, "what has passed of the soak counts"
    assert "it soaks for 15m04s" in told.lines[0]


def test_a_shorter_timeout_takes_no_time_from_jobs_that_run_already() -> None:
    on = cluster(2, job_seconds=400.0)

    async def killed_and_again() -> str:
        first = FakeKubeApi(on)
        task = asyncio.create_task(roll_out(first, request(1, node_timeout_seconds=7200)))
        await asyncio.sleep(6.0)
        first.dead = True
        done = await roll_out(FakeKubeApi(on), request(1, node_timeout_seconds=60))
        task.cancel()
        return done.failure

    # The model of the cluster ends no Job at its deadline, so the second node's takes 400 s too.
    assert "node-00" not in simulate(killed_and_again())
    assert on.most_active == 1


def test_jobs_that_a_killed_run_has_left_are_removed_by_a_run_without_other_work() -> None:
    on = cluster(3)

    class KilledAtTheEnd(FakeKubeApi):
        async def delete_jobs(
            self, namespace: str, selector: str, field_selector: str = ""
        ) -> None:
            self.dead = True
            await super().delete_jobs(namespace, selector, field_selector)

    async def killed_and_again() -> int:
        task = asyncio.create_task(roll_out(KilledAtTheEnd(on), request()))
        await asyncio.sleep(60.0)
        assert (len(on.jobs), on.marked()) == (3, sorted(on.nodes))
        found = await preview(FakeKubeApi(on), request())
        await roll_out(FakeKubeApi(on), request())
        task.cancel()
        return found.plan.leftover

    assert simulate(killed_and_again()) == 3
    assert on.jobs == {}
    assert Counter(on.starts) == dict.fromkeys(on.nodes, 1)


def test_second_run_beside_a_live_one_stops_and_says_who_works() -> None:
    on = cluster(9)

    async def both() -> int:
        first = asyncio.create_task(roll_out(FakeKubeApi(on), request()))
        await asyncio.sleep(2.0)
        with pytest.raises(
            LeaseHeldError,
            match=r"another run works on this installation: .*@.* \(pid \d+, run \w+\) since 2",
        ):
            await roll_out(FakeKubeApi(on), request())
        return (await first).outcome.installed

    assert simulate(both()) == 9


@pytest.mark.parametrize("error", [fake_api.server_error(), fake_api.unreachable(), TimeoutError()])
def test_job_whose_creation_got_no_answer_is_found_again(error: Exception) -> None:
    on = cluster(3)
    api = FakeKubeApi(on)
    api.lose_answer("create_job", error, error)
    done = simulate(roll_out(api, request()))
    assert (done.outcome.installed, done.outcome.failed) == (3, 0)
    assert sorted(on.starts) == sorted(on.nodes)


@pytest.mark.parametrize(
    "error", [fake_api.server_error(), ApiError(429, "TooManyRequests", "slow down", 2.0)]
)
def test_job_whose_creation_was_not_applied_is_created_later(error: Exception) -> None:
    on = cluster(3)
    api = FakeKubeApi(on)
    api.refuse("create_job", error, error, error)
    assert simulate(roll_out(api, request())).outcome.installed == 3
    assert sorted(on.starts) == sorted(on.nodes)


def test_mark_that_got_no_answer_is_written_again() -> None:
    on = cluster(3)
    api = FakeKubeApi(on)
    api.lose_answer("patch_node", fake_api.unreachable())
    api.refuse("patch_node", fake_api.server_error())
    assert simulate(roll_out(api, request())).outcome.installed == 3
    assert on.marked() == sorted(on.nodes)


def test_refused_creation_fails_the_node_with_the_servers_words() -> None:
    on = cluster(3)
    api = FakeKubeApi(on)
    api.refuse("create_job", fake_api.denied_by_admission())
    done = simulate(roll_out(api, request(1)))
    assert (done.outcome.installed, done.outcome.failed) == (2, 1)
    assert 'node-00: admission webhook "policy" denied the request' in done.failure


def test_watch_that_expires_is_replaced_by_a_list() -> None:
    on = cluster(6)
    api = FakeKubeApi(on)

    async def with_compactions() -> int:
        loop = asyncio.get_running_loop()
        for at in (1.0, 5.0, 9.0):
            loop.call_at(at, on.forget)
        return (await roll_out(api, request(2))).outcome.installed

    assert simulate(with_compactions()) == 6
    assert Counter(api.asked)["list_jobs"] == 2 + 1 + 1 + 3, (
        "both plans, a look for a dispatcher, the first of the run, one per compaction"
    )


def test_api_server_may_be_away_for_a_while() -> None:
    on = cluster(9)
    api = FakeKubeApi(on)

    async def with_outage() -> tuple[int, int]:
        task = asyncio.create_task(roll_out(api, request()))
        await asyncio.sleep(6.0)
        api.down_until = now() + 90.0
        await asyncio.sleep(60.0)
        during = len(on.starts)
        return during, (await task).outcome.installed

    during, installed = simulate(with_outage())
    assert during <= 6, "nothing starts while the server is away"
    assert (installed, Counter(on.starts)) == (9, dict.fromkeys(on.nodes, 1))


def test_nothing_starts_while_the_lease_cannot_be_renewed() -> None:
    on = cluster(30)
    api = FakeKubeApi(on)

    async def without_renewals() -> tuple[int, int, int]:
        task = asyncio.create_task(roll_out(api, request()))
        await asyncio.sleep(1.0)
        api.refuse("replace_lease", *[fake_api.server_error()] * 30)
        await asyncio.sleep(15.0)
        unsafe = len(on.starts)
        await asyncio.sleep(15.0)
        still = len(on.starts)
        return unsafe, still, (await task).outcome.installed

    unsafe, still, installed = simulate(without_renewals())
    assert unsafe == still < 30
    assert installed == 30, "it goes on once the Lease is renewed"


def test_api_server_that_stays_away_ends_the_run_with_its_reason() -> None:
    on = cluster(9)
    api = FakeKubeApi(on)

    async def with_outage() -> float:
        task = asyncio.create_task(roll_out(api, request()))
        await asyncio.sleep(6.0)
        api.down_until = float("inf")
        with pytest.raises(
            RolloutStoppedError, match=r"could not be kept \(the API server did not answer"
        ):
            await task
        return now()

    assert 300 < simulate(with_outage()) < 330


def test_stolen_lease_stops_the_run() -> None:
    on = cluster(30)

    async def stolen() -> tuple[int, float]:
        task = asyncio.create_task(roll_out(FakeKubeApi(on), request()))
        await asyncio.sleep(6.0)
        take_lease(on, "ben@laptop (pid 7)")
        with pytest.raises(
            RolloutStoppedError,
            match=r"ben@laptop \(pid 7\) has taken it.*Run the same command again",
        ):
            await task
        return len(on.starts), now()

    starts, at = simulate(stolen())
    assert starts <= 9
    assert at < 6.0 + 4.0 + 1.0, "found by the next renewal"
    assert on.leases[LEASE]["spec"]["holderIdentity"] == "ben@laptop (pid 7)", (
        "it is not released: it is not ours"
    )


@pytest.mark.parametrize(("seconds", "held"), [(0.5, True), (6.0, False)])
def test_interrupted_run_keeps_the_lease_while_a_creation_may_still_land(
    seconds: float, held: bool
) -> None:
    on = cluster(1, job_seconds=30.0)
    api = FakeKubeApi(on)
    api.lose_answer("create_job", fake_api.unreachable())

    async def interrupted() -> None:
        task = asyncio.create_task(roll_out(api, request()))
        await asyncio.sleep(seconds)
        assert on.jobs
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task

    simulate(interrupted())
    assert bool(on.leases[LEASE]["spec"]) is held
