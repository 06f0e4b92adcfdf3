"""The CronJob that installs on late nodes between runs, and what runs make of that."""

import asyncio
from dataclasses import replace

import pytest

from kata_components import names
from kata_components.errors import GuardError
from kata_components.manifests.job_templates import install_job
from kata_components.manifests.reconcile import reconcile
from kata_components.operations.install import install
from kata_components.operations.preview import preview
from kata_components.planning.dispatcher_args import cron_job, node_template
from kata_components.planning.step import Action
from kata_components.runners.pulumi import PulumiRunner
from kata_components.settings.settings import Settings
from tests.model import cron_job as controller
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, server_error
from tests.model.installation import Told, cluster
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.dispatching import configured, destroy, interrupted, request, up

SETTINGS = configured("4.2.0", job={"reconcile": {"enabled": True}})
NEXT = configured("4.2.0", job={"reconcile": {"enabled": True}}, image={"tag": "next"})
LATE = "kata-deploy-install-late"
TICK_SECONDS = 40.0
"""Enough for a dispatcher to start, to install on a node and to label it."""


def installed(nodes: int = 2) -> Cluster:
    """Return a cluster with the CronJob, on which an `up` has worked."""
    on = cluster(nodes, kubelet=Kubelet(handlers_after=1.0))
    (chart,) = reconcile(SETTINGS)
    on.objects[controller.RECONCILE] = cron_job(
        chart, node_template(install_job(SETTINGS), 600, {})
    )
    simulate(up(FakeKubeApi(on), SETTINGS))
    on.starts.clear()
    return on


def test_the_next_up_only_marks_what_the_cron_job_has_installed() -> None:
    on = installed()
    on.add_nodes("late")

    async def story() -> Told:
        assert controller.tick(on)
        await asyncio.sleep(TICK_SECONDS)
        assert on.starts == ["late"]
        wanted = (await preview(FakeKubeApi(on), request(SETTINGS))).plan
        assert [step.action for step in wanted.pending] == [Action.RESUME]
        told = Told()
        done = await up(FakeKubeApi(on), SETTINGS, told)
        assert (done.outcome.installed, done.failure) == (1, "")
        return told

    told = simulate(story())
    assert on.starts == ["late"]
    assert "late" in on.marked()
    assert LATE not in on.jobs
    assert not any(line.startswith("stopping") for line in told.lines)


def test_a_node_whose_job_is_gone_is_taken_as_configured() -> None:
    on = installed()
    on.add_nodes("late")

    async def story() -> None:
        controller.tick(on)
        await asyncio.sleep(TICK_SECONDS)
        del on.jobs[LATE]
        with pytest.raises(GuardError, match=r"rollout\.existing"):
            await up(FakeKubeApi(on), SETTINGS)
        done = await up(FakeKubeApi(on), SETTINGS, existing="adopt")
        assert done.outcome.adopted == 1

    simulate(story())
    assert on.starts == ["late"]


def test_nothing_is_started_beside_a_run() -> None:
    on = installed(9)

    async def ticks() -> None:
        while True:
            await asyncio.sleep(3.0)
            controller.tick(on)

    async def story() -> None:
        schedule = asyncio.create_task(ticks())
        done = await up(FakeKubeApi(on), NEXT)
        schedule.cancel()
        assert (done.outcome.installed, done.failure) == (9, "")

    before = len(on.dispatchers)
    simulate(story())
    assert len(on.dispatchers) == before + 1
    assert on.most_active == 3
    assert not controller.is_suspended(on)


def test_failed_nodes_do_not_leave_it_suspended() -> None:
    on = installed()
    on.fates["node-01"] = "fails"
    assert simulate(up(FakeKubeApi(on), NEXT)).failure
    assert not controller.is_suspended(on)


def test_an_interrupted_run_leaves_it_suspended_and_the_next_one_resumes_it() -> None:
    on = installed()

    async def story() -> None:
        await interrupted(up(FakeKubeApi(on), NEXT), 5.0)
        assert not controller.tick(on)
        assert not (await up(FakeKubeApi(on), NEXT)).failure

    simulate(story())
    assert not controller.is_suspended(on)


def test_a_cron_job_that_cannot_be_resumed_is_said_and_fails_nothing() -> None:
    on, told = installed(), Told()
    api = FakeKubeApi(on)
    calls = [server_error()] * 200

    async def story() -> None:
        run = asyncio.create_task(up(api, NEXT, told))
        await asyncio.sleep(5.0)
        api.refuse("suspend_cron_job", *calls)
        assert (await run).outcome.installed == 2

    simulate(story())
    assert any("could not be resumed" in line for line in told.lines)


@pytest.mark.parametrize("wanted", [SETTINGS, NEXT], ids=["same-digest", "another-digest"])
def test_a_dispatcher_of_it_is_followed_or_stopped_and_its_jobs_go_on(wanted: Settings) -> None:
    on, told = installed(), Told()
    on.add_nodes("late")

    async def story() -> None:
        tick = controller.tick(on)
        await asyncio.sleep(4.0)
        assert LATE in on.jobs
        done = await up(FakeKubeApi(on), wanted, told)
        assert not done.failure
        assert (tick in on.jobs) is (wanted is SETTINGS)

    simulate(story())
    assert on.starts.count("late") == (1 if wanted is SETTINGS else 2)
    stopped = any(line.startswith("stopping the reconcile dispatcher") for line in told.lines)
    assert stopped is (wanted is NEXT)
    assert sorted(on.nodes) == on.marked()


def test_a_dispatcher_that_another_installation_has_started_goes_on() -> None:
    on, told = installed(), Told()
    elsewhere = {"env": {"multiInstallSuffix": "b"}, "nodeSelector": {"pool": "b"}}
    other = configured("4.2.0", job={"reconcile": {"enabled": True}}, **elsewhere)
    (chart,) = reconcile(other)
    theirs = cron_job(chart, node_template(install_job(other), 600, {}))

    async def story() -> None:
        tick = controller.start(on, theirs)
        await up(FakeKubeApi(on), NEXT, told)
        assert tick in on.jobs

    simulate(story())
    assert not any(line.startswith("stopping") for line in told.lines)


def test_destroy_stops_it_waits_for_its_jobs_and_cleans() -> None:
    on = installed()
    on.add_nodes("late")

    async def story() -> None:
        tick = controller.tick(on)
        await asyncio.sleep(4.0)
        # Pulumi deletes the CronJob, before the Installation.
        del on.objects[controller.RECONCILE]
        await destroy(FakeKubeApi(on), SETTINGS)
        assert tick not in on.jobs

    simulate(story())
    assert (on.jobs, on.marked()) == ({}, [])
    assert not any(names.RUNTIME_LABEL in n["metadata"]["labels"] for n in on.nodes.values())


def test_a_run_that_paces_itself_suspends_what_the_other_runner_has_left() -> None:
    on, told = installed(), Told()
    on.add_nodes("late")
    asked = replace(request(SETTINGS), runs_in="pulumi")

    async def story() -> None:
        controller.tick(on)
        await asyncio.sleep(4.0)
        done = await install(FakeKubeApi(on), asked, PulumiRunner, told)
        assert (done.outcome.installed, done.failure) == (1, "")

    simulate(story())
    assert on.starts == ["late"]
    assert on.violations == []
