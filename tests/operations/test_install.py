"""A rollout from plan to outcome: paced, recorded, resumed, and honest about what failed."""

import asyncio
from collections import Counter
from typing import Any

import msgspec
import pytest

from kata_components import names
from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import Job
from kata_components.operations.preview import preview
from kata_components.planning import node_mark
from kata_components.planning.node_jobs import observed
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import NAMESPACE, Told, cluster, digest, request, roll_out
from tests.model.virtual_loop import simulate
from tests.runners.test_born_labels import DAEMON_SET


def test_every_node_is_installed_once_and_marked_for_its_machine() -> None:
    on = cluster(7)
    done = simulate(roll_out(FakeKubeApi(on), request()))
    assert (done.outcome.installed, done.outcome.failed, done.failure) == (7, 0, "")
    assert sorted(on.starts) == on.marked() == sorted(on.nodes)
    written = node_mark.parse(
        on.nodes["node-00"]["metadata"]["annotations"][names.mark_annotation("")]
    )
    assert written is not None
    assert (written.digest, written.node_uid, written.machine_id) == (
        digest(),
        "uid-node-00",
        "machine-node-00",
    )
    assert written.namespace == NAMESPACE


@pytest.mark.parametrize("parallelism", [1, 4, 50])
def test_never_more_jobs_than_parallelism_and_always_as_many(parallelism: int) -> None:
    on = cluster(20)
    simulate(roll_out(FakeKubeApi(on), request(parallelism)))
    assert on.most_active == min(parallelism, 20)


def test_a_freed_slot_is_taken_at_once() -> None:
    on = cluster(20, job_seconds=10.0)
    done = simulate(roll_out(FakeKubeApi(on), request(5)))
    # 4 rounds of 10 s; what is above is the latency of some calls.
    assert 40 <= done.outcome.seconds < 42


def test_requests_are_three_per_node_and_a_few() -> None:
    api = FakeKubeApi(cluster(100))
    simulate(roll_out(api, request(10)))
    asked = Counter(api.asked)
    renewals = asked.pop("replace_lease")
    assert (asked["get_node"], asked["create_job"], asked["patch_node"]) == (100, 100, 100)
    assert sum(asked.values()) <= 3 * 100 + 15, asked
    assert renewals <= 12, "a renewal each 5 s of 45 s"


def test_succeeded_jobs_go_and_failed_ones_stay() -> None:
    on = cluster(4, fates={"node-02": "fails"})
    simulate(roll_out(FakeKubeApi(on), request()))
    assert list(on.jobs) == ["kata-deploy-install-node-02"]


def test_a_job_that_outlives_the_run_is_not_removed_when_it_succeeds() -> None:
    on = cluster(1)
    on.add_nodes("slow")
    on.fates["slow"] = "hangs"

    class LateSuccess(FakeKubeApi):
        async def delete_jobs(
            self, namespace: str, selector: str, field_selector: str = ""
        ) -> None:
            on.end_job("kata-deploy-install-slow")
            await super().delete_jobs(namespace, selector, field_selector)

    simulate(roll_out(LateSuccess(on), request(node_timeout_seconds=30)))
    assert list(on.jobs) == ["kata-deploy-install-slow"]


def test_failed_node_is_told_with_stage_exit_code_reason_and_last_lines() -> None:
    on = cluster(4, fates={"node-02": "fails"})
    done = simulate(roll_out(FakeKubeApi(on), request()))
    assert (done.outcome.installed, done.outcome.failed, done.outcome.failed_nodes) == (
        3,
        1,
        ("node-02",),
    )
    assert done.failure == (
        "1 node could not be installed\n"
        "  node-02: stage artifacts ended with exit code 1, Error: unpacking | no space left on "
        "device\n"
        "  for details: `kubectl -n kube-system describe jobs,pods "
        "-l kata-deploy-job-dispatcher/owner=kata-deploy-install`"
    )
    traces = {
        name: node_mark.parse(n["metadata"]["annotations"][names.mark_annotation("")])
        for name, n in on.nodes.items()
    }
    assert [name for name, trace in traces.items() if trace and not trace.digest] == ["node-02"]


@pytest.mark.parametrize(("others", "left"), [(1, "1 was"), (4, "4 were")])
def test_failed_canary_leaves_the_other_nodes_alone(others: int, left: str) -> None:
    on = cluster(1 + others, fates={"node-00": "fails"})
    done = simulate(roll_out(FakeKubeApi(on), request(waves=("canary", "100%"))))
    assert on.starts == ["node-00"]
    assert (done.outcome.failed, done.outcome.remaining) == (1, others)
    assert done.failure.startswith(
        f"1 node could not be installed, {left} not started (canary node-00 failed)"
    )


def test_failed_node_is_tried_again_by_the_next_run_and_no_other() -> None:
    on = cluster(4, fates={"node-02": "fails"})

    async def twice() -> int:
        await roll_out(FakeKubeApi(on), request())
        on.fates.clear()
        return (await roll_out(FakeKubeApi(on), request())).outcome.installed

    assert simulate(twice()) == 1
    assert Counter(on.starts) == {"node-00": 1, "node-01": 1, "node-02": 2, "node-03": 1}
    assert on.marked() == sorted(on.nodes)
    assert on.jobs == {}


def test_a_finished_fleet_is_only_read() -> None:
    on = cluster(4)

    async def twice() -> list[str]:
        await roll_out(FakeKubeApi(on), request())
        again = FakeKubeApi(on)
        await roll_out(again, request())
        return again.asked

    reads = ("list_", "get_")
    assert {name for name in simulate(twice()) if not name.startswith(reads)} == {"replace_lease"}


def test_node_deleted_under_its_job_is_no_failure() -> None:
    on = cluster(3, fates={"node-01": "fails"})

    async def with_deletion() -> tuple[int, int, str]:
        task = asyncio.create_task(roll_out(FakeKubeApi(on), request()))
        await asyncio.sleep(2.0)
        del on.nodes["node-01"]
        done = await task
        return done.outcome.installed, done.outcome.failed, done.failure

    assert simulate(with_deletion()) == (2, 0, "")


def test_job_deleted_by_hand_is_created_again() -> None:
    on = cluster(2)

    async def with_deletion() -> int:
        task = asyncio.create_task(roll_out(FakeKubeApi(on), request()))
        await asyncio.sleep(2.0)
        on.delete_job("kata-deploy-install-node-01", None)
        return (await task).outcome.installed

    assert simulate(with_deletion()) == 2
    assert Counter(on.starts) == {"node-00": 1, "node-01": 2}


def test_a_name_that_a_foreign_job_has_fails_the_node_and_says_where_to_look() -> None:
    on = cluster(2)
    name = "kata-deploy-install-node-00"
    done = {"conditions": [{"type": "Complete", "status": "True"}]}
    on.jobs[name] = {"metadata": {"name": name, "uid": "foreign"}, "status": done}
    failure = simulate(roll_out(FakeKubeApi(on), request())).failure
    assert (
        f"node-00: a Job named {name} is there that is not this run's, or cannot be deleted: "
        f"see `kubectl -n kube-system get job {name}`"
    ) in failure
    assert on.marked() == ["node-01"]


def test_progress_is_told_every_second_and_ends_complete() -> None:
    told = Told()
    done = simulate(roll_out(FakeKubeApi(cluster(6)), request(), told))
    assert len(told.shown) >= int(done.outcome.seconds)
    assert (told.shown[-1].done, told.shown[-1].remaining) == (6, 0)
    assert [p.done for p in told.shown] == sorted(p.done for p in told.shown)


def test_progress_of_a_long_rollout_is_told_less_often() -> None:
    told = Told()
    simulate(roll_out(FakeKubeApi(cluster(1, job_seconds=600.0)), request(), told))
    assert 60 + 54 <= len(told.shown) <= 60 + 58


def test_adopted_nodes_are_marked_without_a_job() -> None:
    on = cluster(0)
    on.add_nodes("a", "b", labels={names.RUNTIME_LABEL: "true"})
    on.objects[DAEMON_SET] = {"metadata": {}}
    done = simulate(roll_out(FakeKubeApi(on), request(existing="adopt")))
    assert (done.outcome.adopted, done.outcome.installed) == (2, 0)
    assert (on.starts, on.marked()) == ([], ["a", "b"])
    on.add_nodes("c")
    [newcomer] = simulate(preview(FakeKubeApi(on), request(waves=("canary", "100%")))).plan.pending
    assert (newcomer.node, newcomer.canary) == ("c", True), (
        "adopting has proven nothing of its kind"
    )


def test_few_calls_about_nodes_are_under_way_at_once() -> None:
    on = cluster(0)
    on.add_nodes(*(f"node-{number}" for number in range(350)), labels={names.RUNTIME_LABEL: "true"})
    waiting = most = 0

    class Counting(FakeKubeApi):
        async def patch_node(self, *call: Any, **changes: Any) -> Node:
            nonlocal waiting, most
            waiting += 1
            most = max(most, waiting)
            node = await super().patch_node(*call, **changes)
            waiting -= 1
            return node

    on.objects[DAEMON_SET] = {"metadata": {}}
    done = simulate(roll_out(Counting(on), request(existing="adopt")))
    assert (done.outcome.adopted, len(on.marked()), most) == (350, 350, CALLS_AT_ONCE)


def test_jobs_carry_the_node_the_deadline_and_no_ttl() -> None:
    on = cluster(1, fates={"node-00": "fails"})
    simulate(roll_out(FakeKubeApi(on), request()))
    job = on.jobs["kata-deploy-install-node-00"]
    assert job["metadata"]["namespace"] == NAMESPACE
    assert job["spec"]["template"]["spec"]["nodeName"] == "node-00"
    assert job["spec"]["activeDeadlineSeconds"] == 600
    assert observed(msgspec.convert(job, Job)).deadline_seconds == 600
    assert "ttlSecondsAfterFinished" not in job["spec"]


def test_nodes_of_another_installation_are_refused_with_what_is_there() -> None:
    on = cluster(2)
    simulate(roll_out(FakeKubeApi(on), request()))
    [refusal] = simulate(preview(FakeKubeApi(on), request(suffix="dev"))).refusals
    assert "2 nodes are labelled" in refusal
    assert "but with one of the installation default.\n  To install this one beside it" in refusal
    assert "rollout.existing install" in refusal
