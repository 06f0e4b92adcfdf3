"""What rollout.json says of each node."""

import asyncio
from collections import Counter

import pytest

from kata_components.kubernetes.nodes import Node
from kata_components.operations.install import Installed, install
from kata_components.runners.pulumi import PulumiRunner
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import Told, cluster, request, roll_out, template
from tests.model.virtual_loop import simulate
from tests.runners import dispatching


def test_a_node_that_is_done_has_the_times_of_its_stages() -> None:
    on = cluster(2, job_seconds=40.0)
    first, second = simulate(roll_out(FakeKubeApi(on), request(1))).records
    assert (first.action, first.reason, first.result) == ("install", "new node", "done")
    for node in (first, second):
        assert node.job_seconds is not None
        assert 39.9 < node.job_seconds < 41
    assert first.started is not None
    assert second.started is not None
    assert 0 <= first.started < 1
    assert 40 < second.started < 42


def test_failed_and_waiting_nodes_are_told_apart_and_a_reason_is_kept() -> None:
    on = cluster(3, fates={"node-00": "fails"})
    done = simulate(roll_out(FakeKubeApi(on), request(waves=("canary", "100%"))))
    failed, *others = done.records
    assert (failed.node, failed.canary, failed.result) == ("node-00", True, "failed")
    assert failed.text.startswith("stage artifacts ended with exit code 1")
    assert failed.seconds is not None
    assert [(node.result, node.started, node.wave) for node in others] == [("waiting", None, 1)] * 2


def cancelled_after(seconds: float, *, token: bool = True) -> Installed:
    on = cluster(6, job_seconds=40.0, fates={"node-01": "fails"})
    wanted = request(2, job=template("install", token=token))
    told: list[Installed] = []

    async def cancelled() -> None:
        up = install(FakeKubeApi(on), wanted, PulumiRunner, Told(), told.append)
        task = asyncio.create_task(up)
        await asyncio.sleep(seconds)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    simulate(cancelled())
    [reached] = told
    return reached


def test_an_interrupted_rollout_tells_how_far_it_has_come() -> None:
    reached = cancelled_after(60.0)
    found = [node.result for node in reached.records]
    assert found == ["done", "failed", "working", "working", "waiting", "waiting"]
    assert all(node.ended == 60.0 for node in reached.records if node.result == "working")


@pytest.mark.parametrize("token", [True, False])
def test_whenever_it_is_interrupted_no_node_is_lost(token: bool) -> None:
    for seconds in (0.5, 20, 40.01, 40.1, 45, 60, 81, 100):
        reached = cancelled_after(seconds, token=token)
        outcome = reached.outcome
        assert outcome.installed + outcome.failed + outcome.remaining == len(reached.records) == 6
        results = Counter(node.result for node in reached.records)
        assert outcome.remaining == results["waiting"] + results["working"]


def test_a_node_that_left_is_gone_and_one_that_is_up_to_date_is_not_listed() -> None:
    on = cluster(2)
    simulate(roll_out(FakeKubeApi(on), request()))
    on.add_nodes("leaves")

    class Departing(FakeKubeApi):
        async def get_node(self, name: str) -> Node:
            on.nodes.pop("leaves", None)
            return await super().get_node(name)

    [node] = simulate(roll_out(Departing(on), request())).records
    assert (node.node, node.result) == ("leaves", "gone")


def test_a_skipped_node_has_the_plans_reason() -> None:
    on = cluster(2)
    on.nodes["node-01"]["status"]["conditions"] = [{"type": "Ready", "status": "False"}]
    [node] = [
        node
        for node in simulate(roll_out(FakeKubeApi(on), request())).records
        if node.result == "skipped"
    ]
    assert node.node == "node-01"
    assert not node.planned
    assert "NotReady" in node.reason


def test_with_the_dispatcher_a_node_has_the_times_of_its_job() -> None:
    on = cluster(4, job_seconds=40.0, fates={"node-02": "fails"})
    done = simulate(dispatching.up(FakeKubeApi(on), dispatching.settings(parallelism=2)))
    assert [node.result for node in done.records].count("done") == 3
    for node in done.records:
        assert node.job_seconds == pytest.approx(40, abs=2)
        assert (node.started, node.job_ended) == (node.job_started, node.ended)
    begins = sorted(node.started or 0.0 for node in done.records)
    assert begins[2] - begins[0] == pytest.approx(40, abs=5)
