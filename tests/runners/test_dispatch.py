"""Rollouts through upstream's dispatcher: exact, resumed, and with nothing left over."""

import asyncio
from collections import Counter
from typing import Literal

import msgspec
import pytest

from kata_components import names
from kata_components.errors import ApiError, LeaseHeldError, RolloutStoppedError
from kata_components.kubernetes.objects import Job
from kata_components.manifests.dispatcher_job import install_dispatcher_job
from kata_components.manifests.job_templates import install_job
from kata_components.operations.install import Installed
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import uninstall
from kata_components.planning.dispatcher_args import Batch, dispatcher_job, node_template
from kata_components.planning.node_jobs import JobState
from kata_components.planning.step import Action, Step
from kata_components.runners.dispatched_jobs import DispatchedJobs
from kata_components.runners.dispatcher import Dispatcher
from kata_components.runners.dispatching import settled
from kata_components.runners.pulumi import PulumiRunner
from kata_components.runners.run import Run
from tests.model.fake_api import FakeKubeApi, unreachable
from tests.model.installation import ENDING, NAMESPACE, Told, cluster, roll_out
from tests.model.virtual_lease import holding
from tests.model.virtual_loop import simulate
from tests.runners.dispatching import (
    DISPATCHER,
    NARROWED,
    interrupted,
    request,
    settings,
    told_nodes,
    up,
)
from tests.runners.test_born_labels import DAEMON_SET


def test_every_node_gets_one_job_and_its_mark_and_nothing_is_left() -> None:
    on, told = cluster(7), Told()
    done = simulate(up(FakeKubeApi(on), told=told))
    assert (done.outcome.installed, done.outcome.failed, done.failure) == (7, 0, "")
    assert sorted(on.starts) == on.marked() == sorted(on.nodes)
    assert told_nodes(on) == [f"{NARROWED},katacontainers.io/kata-runtime!=true"]
    assert on.most_active == 3
    assert on.jobs == {}
    assert (told.shown[-1].done, told.shown[-1].total) == (7, 7)


def test_only_newcomers_get_a_job() -> None:
    on = cluster(5)

    async def story() -> Installed:
        await up(FakeKubeApi(on))
        on.add_nodes("new-1", "new-2")
        on.starts.clear()
        return await up(FakeKubeApi(on))

    done = simulate(story())
    assert (done.outcome.up_to_date, done.outcome.installed) == (5, 2)
    assert sorted(on.starts) == ["new-1", "new-2"]


def test_failed_node_is_named_with_its_reason_and_only_it_is_tried_again() -> None:
    on = cluster(4, fates={"node-02": "fails"})

    async def story() -> tuple[Installed, Installed]:
        first = await up(FakeKubeApi(on))
        assert set(on.jobs) == {DISPATCHER, "kata-deploy-install-node-02"}
        on.fates.clear()
        on.starts.clear()
        return first, await up(FakeKubeApi(on))

    first, second = simulate(story())
    assert first.outcome.failed_nodes == ("node-02",)
    assert "node-02: stage artifacts ended with exit code 1" in first.failure
    assert (second.outcome.installed, second.failure) == (1, "")
    assert on.starts == ["node-02"]
    assert on.jobs == {}
    assert len(on.marked()) == 4


def test_changed_template_goes_to_all_nodes_by_the_users_selector() -> None:
    on = cluster(4)

    async def story() -> Installed:
        await up(FakeKubeApi(on))
        return await up(FakeKubeApi(on), settings("4.0.0-next"))

    done = simulate(story())
    assert done.outcome.installed == 4
    assert told_nodes(on)[-1] == NARROWED
    assert set(Counter(on.starts).values()) == {2}


def test_node_left_behind_by_an_upgrade_is_told_by_name() -> None:
    on = cluster(4)

    async def story() -> Installed:
        await up(FakeKubeApi(on))
        on.fates["node-01"] = "fails"
        await up(FakeKubeApi(on), settings("4.0.0-next"))
        on.fates.clear()
        on.starts.clear()
        on.add_nodes("new")
        return await up(FakeKubeApi(on), settings("4.0.0-next"))

    done = simulate(story())
    assert (done.outcome.up_to_date, done.outcome.installed) == (3, 2)
    assert told_nodes(on)[-1] == "--nodes=new,node-01"
    assert sorted(on.starts) == ["new", "node-01"]


def test_named_nodes_are_told_by_name_less_those_that_are_done() -> None:
    on = cluster(4)

    async def story() -> None:
        await up(FakeKubeApi(on), settings(nodes=["node-00", "node-01"]))
        await up(FakeKubeApi(on), settings(nodes=["node-00", "node-01", "node-03"]))

    simulate(story())
    assert told_nodes(on) == ["--nodes=node-00,node-01", "--nodes=node-03"]


def test_more_nodes_than_may_be_named_are_taken_in_several_runs() -> None:
    on = cluster(120, job_seconds=0.1)
    stopped = 3

    async def story() -> Installed:
        await up(FakeKubeApi(on), settings(parallelism=200))
        await interrupted(up(FakeKubeApi(on), settings("4.0.0-next", parallelism=stopped)), 6.0)
        on.delete_job(DISPATCHER, None)
        on.starts.clear()
        return await up(FakeKubeApi(on), settings("4.0.0-next", parallelism=200))

    done = simulate(story())
    assert done.outcome.installed == 120
    assert [words.count(",") + 1 for words in told_nodes(on)[-2:]] == [100, 20 - stopped]
    assert set(Counter(on.starts).values()) == {1}
    assert on.jobs == {}


def test_killed_run_leaves_the_dispatcher_at_work_and_the_next_follows_it() -> None:
    on = cluster(9)

    async def story() -> Installed:
        await interrupted(up(FakeKubeApi(on)), 12.0)
        assert DISPATCHER in on.jobs
        return await up(FakeKubeApi(on))

    done = simulate(story())
    assert done.outcome.installed == 9
    assert len(on.dispatchers) == 1
    assert set(Counter(on.starts).values()) == {1}
    assert (len(on.marked()), on.jobs) == (9, {})


def test_dispatcher_that_ended_unseen_is_only_recorded() -> None:
    on = cluster(5)

    async def story() -> Installed:
        await interrupted(up(FakeKubeApi(on)), 4.0)
        await asyncio.sleep(3600)
        return await up(FakeKubeApi(on))

    done = simulate(story())
    assert (done.outcome.installed, len(on.dispatchers), on.jobs) == (5, 1, {})
    assert set(Counter(on.starts).values()) == {1}


def test_dispatcher_of_another_configuration_is_stopped_and_its_running_jobs_are_waited_for() -> (
    None
):
    on, told = cluster(9), Told()

    async def story() -> Installed:
        await interrupted(up(FakeKubeApi(on)), 4.0)
        assert len(on.active) == 3
        return await up(FakeKubeApi(on), settings("4.0.0-next"), told)

    done = simulate(story())
    assert done.outcome.installed == 9
    assert sorted(Counter(on.starts).values()) == [1] * 6 + [2] * 3
    assert any(line.startswith("stopping the install dispatcher of digest ") for line in told.lines)


def test_dispatcher_that_does_not_start_ends_the_run_with_the_reason() -> None:
    on = cluster(2, dispatcher_fate="waits")
    with pytest.raises(
        RolloutStoppedError,
        match=r"has not started in 600 s: .*dispatcher .*ImagePullBackOff: no such",
    ):
        simulate(up(FakeKubeApi(on)))


def test_dispatcher_that_fails_by_itself_is_quoted() -> None:
    done = simulate(up(FakeKubeApi(cluster(2, dispatcher_fate="crashes"))))
    assert done.outcome.failed == 2
    assert (
        "node-00: no Job was made for it, or it was deleted; the dispatcher has failed: "
        in done.failure
    )
    assert "stage dispatcher ended with exit code 1, Error: nodes is forbidden" in done.failure


def test_dispatcher_that_waits_for_a_deleted_job_is_stopped() -> None:
    on, told = cluster(4), Told()

    async def story() -> tuple[Installed, Installed]:
        asyncio.get_running_loop().call_later(
            4.0, on.delete_job, "kata-deploy-install-node-01", None
        )
        return await up(FakeKubeApi(on), told=told), await up(FakeKubeApi(on))

    first, second = simulate(story())
    assert first.outcome.failed_nodes == ("node-01",)
    assert first.outcome.seconds < 1200
    assert any(line.startswith("stopping the install dispatcher") for line in told.lines)
    assert (second.outcome.installed, on.jobs) == (1, {})


def test_lost_answer_to_the_creation_makes_no_second_dispatcher() -> None:
    on = cluster(3)
    api = FakeKubeApi(on)
    api.lose_answer("create_job", unreachable())
    done = simulate(up(api))
    assert (done.outcome.installed, len(on.dispatchers)) == (3, 1)


def test_dispatcher_that_cannot_be_removed_in_the_end_is_no_failure() -> None:
    on, told = cluster(3), Told()
    api = FakeKubeApi(on)
    api.refuse("delete_job", ApiError(403, "Forbidden", "denied by a webhook"))
    done = simulate(up(api, told=told))
    assert (done.outcome.installed, done.failure) == (3, "")
    assert told.lines[-1].startswith(
        "the dispatcher's Job could not be removed, the next rollout does it: "
    )


def test_removal_of_the_dispatcher_is_repeated() -> None:
    on, told = cluster(3), Told()
    api = FakeKubeApi(on)
    api.refuse("delete_job", unreachable())
    simulate(up(api, told=told))
    assert on.jobs == {}
    assert not any("could not be removed" in line for line in told.lines)


def test_dispatcher_of_work_that_failed_stays_until_another_runner_has_found_it() -> None:
    on = cluster(2, fates={"node-01": "fails"})

    async def story() -> Installed:
        await up(FakeKubeApi(on))
        assert DISPATCHER in on.jobs
        return await roll_out(FakeKubeApi(on), request(settings()))

    done = simulate(story())
    assert done.outcome.failed_nodes == ("node-01",)
    assert sorted(on.jobs) == ["kata-deploy-install-node-01"]


def test_api_server_out_of_reach_for_a_while_is_waited_for() -> None:
    on = cluster(6)
    api = FakeKubeApi(on)

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(5.0, setattr, api, "down_until", 65.0)
        return await up(api)

    assert simulate(story()).outcome.installed == 6


def test_node_that_leaves_during_the_run_is_no_failure() -> None:
    on = cluster(3, fates={"node-01": "fails"})

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(5.0, on.nodes.pop, "node-01")
        return await up(FakeKubeApi(on))

    done = simulate(story())
    assert (done.outcome.installed, done.outcome.failed, done.failure) == (2, 0, "")


@pytest.mark.parametrize(("existing", "jobs"), [("adopt", ["new"]), ("install", ["helms", "new"])])
def test_nodes_of_something_else_are_adopted_without_a_job_or_installed_by_name(
    existing: Literal["adopt", "install"], jobs: list[str]
) -> None:
    on = cluster(0)
    on.add_nodes("helms", labels={names.RUNTIME_LABEL: "true"})
    on.add_nodes("new")
    on.objects[DAEMON_SET] = {"metadata": {}}
    done = simulate(up(FakeKubeApi(on), existing=existing))
    assert (done.outcome.adopted, done.outcome.installed) == (2 - len(jobs), len(jobs))
    assert sorted(on.starts) == jobs
    assert on.marked() == ["helms", "new"]


def test_job_that_still_works_is_waited_for_before_a_dispatcher_gets_its_node() -> None:
    on, wanted = cluster(2, job_seconds=60.0), settings()
    template = node_template(install_job(wanted), 600, {})
    batch = Batch(nodes=("node-00", "node-01"))
    working = template["metadata"] | {"name": "kata-deploy-install-node-01"}
    working["labels"] = working["labels"] | {names.OWNER_LABEL: "kata-deploy-install"}
    working["annotations"] = working["annotations"] | {names.NODE_NAME_ANNOTATION: "node-01"}

    async def story() -> DispatchedJobs:
        api = FakeKubeApi(on)
        job = dispatcher_job(install_dispatcher_job(wanted), batch, template)
        async with holding(api) as lease:
            # Between two batches of one run, or by hand.
            on.create_job(NAMESPACE, template | {"metadata": working})
            run = Run(api=api, namespace=NAMESPACE, suffix="", lease=lease, reporter=Told())
            made = Dispatcher(run, job)
            return await made.run("install", job, batch)

    seen = simulate(story())
    assert on.violations == []
    assert on.starts == ["node-01", "node-00", "node-01"]
    assert {job.state for job in seen.of_kind("install")} == {JobState.SUCCEEDED}


def test_a_failure_is_remembered_though_something_removes_the_failed_job() -> None:
    on = cluster(3, fates={"node-01": "fails"})
    assert simulate(up(FakeKubeApi(on))).outcome.failed == 1
    on.jobs.pop("kata-deploy-install-node-01")
    [step] = simulate(preview(FakeKubeApi(on), request(settings()))).plan.pending
    assert (step.action, step.reason) == (Action.RETRY, "failed before, and the Job is gone")


def test_a_lost_label_is_put_back_without_the_dispatcher() -> None:
    on = cluster(4)
    simulate(up(FakeKubeApi(on)))
    del on.nodes["node-02"]["metadata"]["labels"][names.RUNTIME_LABEL]
    done = simulate(up(FakeKubeApi(on)))
    assert (done.outcome.relabelled, done.outcome.up_to_date, done.failure) == (1, 3, "")
    assert (len(on.dispatchers), len(on.starts)) == (1, 4)
    assert on.nodes["node-02"]["metadata"]["labels"][names.RUNTIME_LABEL] == "true"


def test_second_run_elsewhere_does_not_touch_the_dispatcher() -> None:
    on = cluster(6)

    async def story() -> Installed:
        first = asyncio.create_task(up(FakeKubeApi(on)))
        await asyncio.sleep(4.0)
        with pytest.raises(LeaseHeldError):
            await roll_out(FakeKubeApi(on), request(settings("4.0.0-next")))
        return await first

    assert simulate(story()).outcome.installed == 6
    assert len(on.dispatchers) == 1


def test_rollout_without_the_dispatcher_stops_one_that_is_at_work() -> None:
    on, told = cluster(9), Told()

    async def story() -> Installed:
        await interrupted(up(FakeKubeApi(on)), 4.0)
        return await roll_out(FakeKubeApi(on), request(settings()), told)

    done = simulate(story())
    assert done.outcome.installed == 9
    assert on.most_active == 3
    assert set(Counter(on.starts).values()) == {1}
    assert (len(on.marked()), on.jobs) == (9, {})
    assert any(line.startswith("stopping the install dispatcher") for line in told.lines)


def test_nodes_that_are_done_are_told_from_the_others_without_comparing_each_with_each(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = DispatchedJobs("")
    steps = [
        Step(node=str(number), node_uid="", machine_id="", action=Action.INSTALL, reason="")
        for number in range(4)
    ]
    for step in steps[::2]:
        metadata = {
            "name": step.node,
            "uid": step.node,
            "labels": {
                names.OWNER_LABEL: names.job_prefix("", "install"),
                names.STAGE_LABEL: "install",
            },
            "annotations": {names.NODE_NAME_ANNOTATION: step.node},
        }
        status = {"conditions": [{"type": "Complete", "status": "True"}]}
        seen.put(msgspec.convert({"metadata": metadata, "status": status}, Job))
    monkeypatch.setattr(Step, "__eq__", lambda _, __: pytest.fail("two steps were compared"))
    done, left = settled(steps, seen, "install", "")
    assert ([step.node for step in done], [step.node for step in left]) == (["0", "2"], ["1", "3"])


def test_what_a_cleanup_of_the_other_runner_has_left_does_not_make_a_node_look_undone() -> None:
    on = cluster(2)

    async def story() -> Installed:
        await up(FakeKubeApi(on))
        killed = FakeKubeApi(on)
        killed.refuse("create_job", *[unreachable()] * 9)
        await interrupted(uninstall(killed, ENDING, PulumiRunner, Told()), 2.0)
        assert on.jobs == {}
        return await up(FakeKubeApi(on))

    done = simulate(story())
    assert (done.outcome.installed, done.failure) == (2, "")
    labels = [node["metadata"]["labels"] for node in on.nodes.values()]
    assert {labelled[names.instance_label("")] for labelled in labels} == {"true"}
