"""What tells of a node's past while its finished Job makes room for the next."""

import asyncio
from typing import Any

import pytest

from kata_components.errors import RolloutFailedError
from kata_components.kubernetes.nodes import Node
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import uninstall
from kata_components.planning.step import Action
from kata_components.runners.pulumi import PulumiRunner
from tests.model import fake_api
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, LEASE, Told, cluster, request, roll_out, template
from tests.model.virtual_loop import simulate


def test_kill_between_a_failed_job_and_its_successor_leaves_a_trace_of_the_node() -> None:
    on = cluster(1, fates={"node-00": "fails"})

    async def killed_before_the_retry() -> None:
        await roll_out(FakeKubeApi(on), request())
        on.fates.clear()
        killed = FakeKubeApi(on)
        killed.refuse("create_job", *[fake_api.unreachable()] * 9)
        task = asyncio.create_task(roll_out(killed, request()))
        await asyncio.sleep(2.0)
        killed.dead = True
        task.cancel()

    simulate(killed_before_the_retry())
    assert (on.jobs, on.marked()) == ({}, ["node-00"])
    [step] = simulate(preview(FakeKubeApi(on), request())).plan.steps
    assert (step.action, step.reason) == (Action.RETRY, "failed before, and the Job is gone")
    assert simulate(roll_out(FakeKubeApi(on), request())).outcome.installed == 1


def test_a_failure_is_remembered_when_an_attempt_at_another_digest_is_cut_off() -> None:
    on = cluster(1, fates={"node-00": "fails"})

    async def killed_at_another_digest() -> None:
        await roll_out(FakeKubeApi(on), request())
        killed = FakeKubeApi(on)
        killed.refuse("create_job", *[fake_api.unreachable()] * 9)
        task = asyncio.create_task(roll_out(killed, request(job=template("install", "kata:other"))))
        await asyncio.sleep(2.0)
        killed.dead = True
        task.cancel()

    simulate(killed_at_another_digest())
    assert on.jobs == {}
    [step] = simulate(preview(FakeKubeApi(on), request())).plan.steps
    assert (step.action, step.failed_before) == (Action.RETRY, True)


def test_a_job_of_another_digest_that_fails_while_it_is_waited_for_is_remembered() -> None:
    on = cluster(1, fates={"node-00": "fails"})
    on.job_seconds = 30.0

    async def killed(seconds: float, image: str, api: FakeKubeApi) -> None:
        task = asyncio.create_task(roll_out(api, request(job=template("install", image))))
        await asyncio.sleep(seconds)
        api.dead = True
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    async def story() -> None:
        await killed(5.0, "kata:1", FakeKubeApi(on))
        on.leases[LEASE]["spec"]["holderIdentity"] = ""
        second = FakeKubeApi(on)
        second.refuse("create_job", *[fake_api.unreachable()] * 9)
        await killed(40.0, "kata:other", second)

    simulate(story())
    assert on.jobs == {}
    first = request(job=template("install", "kata:1"))
    [step] = simulate(preview(FakeKubeApi(on), first)).plan.steps
    assert (step.action, step.failed_before) == (Action.RETRY, True)


def test_the_job_that_labelled_a_machine_in_anothers_place_stays_until_that_is_planned() -> None:
    on = cluster(1)

    class Replacing(FakeKubeApi):
        """The machine is replaced after planning, and the old one's Job labels the new one."""

        async def patch_node(self, *call: Any, **changes: Any) -> Node:
            on.nodes["node-00"]["metadata"] |= {"uid": "uid-new", "annotations": {}}
            return await super().patch_node(*call, **changes)

    async def killed_before_the_mark() -> None:
        first = FakeKubeApi(on)
        task = asyncio.create_task(roll_out(first, request()))
        await asyncio.sleep(2.0)
        first.dead = True
        task.cancel()
        await asyncio.sleep(20.0)

    simulate(killed_before_the_mark())
    other = request(job=template("install", "kata:other"))
    done = simulate(roll_out(Replacing(on), other))
    assert (done.failure, len(on.jobs), len(on.starts)) == ("", 1, 1)
    [step] = simulate(preview(FakeKubeApi(on), other)).plan.steps
    assert (step.action, step.reason) == (Action.INSTALL, "new node")


def test_a_failure_is_remembered_though_a_policy_removes_failed_jobs_at_once() -> None:
    on = cluster(6, fates={"node-02": "fails"})

    class Removing(FakeKubeApi):
        """Something removes each Job a moment after it has failed."""

        async def list_pods(self, *call: Any) -> Any:
            on.jobs.pop("kata-deploy-install-node-02", None)
            return await super().list_pods(*call)

    simulate(roll_out(Removing(on), request(max_failures=3)))
    assert "node-02" not in "".join(on.jobs)
    assert on.marked() == sorted(on.nodes), "a destroy finds it"
    found = simulate(preview(FakeKubeApi(on), request())).plan
    [step] = found.pending
    assert (step.action, step.reason) == (Action.RETRY, "failed before, and the Job is gone")
    assert step.failed_before, "the budget counts it"
    on.fates.clear()
    assert simulate(roll_out(FakeKubeApi(on), request())).outcome.installed == 1


def test_a_cleanup_that_failed_leaves_a_node_of_which_nothing_is_whole() -> None:
    on, told = cluster(1), Told()
    simulate(roll_out(FakeKubeApi(on), request()))
    on.fates["node-00"] = "fails"
    with pytest.raises(RolloutFailedError):
        simulate(uninstall(FakeKubeApi(on), ENDING, PulumiRunner, told))
    on.jobs.clear()
    [step] = simulate(preview(FakeKubeApi(on), request())).plan.steps
    assert (step.action, step.reason) == (Action.INSTALL, "an earlier cleanup was interrupted")


def test_a_cleanup_killed_before_the_mark_went_is_known_though_something_removed_its_job() -> None:
    on, told = cluster(1), Told()
    simulate(roll_out(FakeKubeApi(on), request()))

    async def killed_before_the_mark_goes() -> None:
        first = FakeKubeApi(on)
        task = asyncio.create_task(uninstall(first, ENDING, PulumiRunner, told))
        await asyncio.sleep(2.0)
        assert list(on.jobs) == ["kata-deploy-cleanup-node-00"]
        first.dead = True
        task.cancel()
        await asyncio.sleep(20.0)

    simulate(killed_before_the_mark_goes())
    on.jobs.clear()
    assert on.marked() == ["node-00"]
    [step] = simulate(preview(FakeKubeApi(on), request())).plan.steps
    assert (step.action, step.reason) == (Action.INSTALL, "an earlier cleanup was interrupted")


def test_a_server_that_refuses_the_trace_does_not_hide_why_the_job_failed() -> None:
    on = cluster(1, fates={"node-00": "fails"})
    api = FakeKubeApi(on)
    api.refuse("patch_node", fake_api.denied_by_admission())
    done = simulate(roll_out(api, request()))
    assert "stage artifacts ended with exit code 1" in done.failure
