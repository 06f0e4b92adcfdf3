"""Nodes are worked on as they are when their turn comes, not as they were when planned."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace
from typing import Any

import pytest

from kata_components import names
from kata_components.errors import RolloutFailedError
from kata_components.kubernetes.api import Manifest
from kata_components.kubernetes.objects import Job, JobEvent
from kata_components.operations.install import Installed
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import uninstall
from kata_components.planning.selection import Selection
from kata_components.runners.pulumi import PulumiRunner
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, unreachable
from tests.model.installation import (
    CLEANUP,
    ENDING,
    NAMESPACE,
    Told,
    cluster,
    node_job,
    request,
    roll_out,
)
from tests.model.virtual_loop import simulate
from tests.operations.test_installation import installed

POOL = Selection(selectors=("pool in (kata),!spot",))


def changing(
    on: Cluster, seconds: float, change: Callable[[], Any], told: Told | None = None, **wanted: Any
) -> Installed:
    """Roll out while the cluster changes."""

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(seconds, change)
        return await roll_out(FakeKubeApi(on), request(**wanted), told)

    return simulate(story())


def set_ready(on: Cluster, status: str, *nodes: str) -> None:
    for node in nodes:
        on.nodes[node]["status"]["conditions"][0]["status"] = status


def test_nodes_that_turn_not_ready_before_their_turn_are_left_out_and_are_no_failures() -> None:
    on, told = cluster(30), Told()
    lost = [f"node-{number:02d}" for number in range(20, 26)]
    done = changing(on, 5.0, lambda: set_ready(on, "Unknown", *lost), told, max_failures=3)
    assert (done.outcome.installed, done.outcome.skipped, done.outcome.failed, done.failure) == (
        24,
        6,
        0,
        "",
    )
    assert not set(lost) & set(on.starts)
    assert told.seconds < 60
    assert told.shown[-1].skipped == 6
    assert any("node-20 (NotReady)" in line for line in told.lines)
    set_ready(on, "True", *lost)
    assert simulate(roll_out(FakeKubeApi(on), request())).outcome.installed == 6


def test_nodes_that_are_not_ready_are_attempted_where_the_user_says_so() -> None:
    on = cluster(9)
    done = changing(on, 2.0, lambda: set_ready(on, "Unknown", "node-08"), not_ready="attempt")
    assert done.outcome.installed == 9


def test_a_node_that_left_the_cluster_takes_no_slot() -> None:
    on = cluster(9)
    done = changing(on, 2.0, lambda: on.nodes.pop("node-08"))
    assert (done.outcome.installed, done.outcome.failed, done.outcome.remaining) == (8, 0, 0)
    assert "node-08" not in on.starts


def test_another_machine_under_the_name_is_left_to_the_next_run() -> None:
    on = cluster(9)
    done = changing(
        on, 2.0, lambda: on.nodes["node-08"]["status"]["nodeInfo"].update(machineID="new")
    )
    assert (done.outcome.installed, done.outcome.skipped) == (8, 1)
    assert simulate(roll_out(FakeKubeApi(on), request())).outcome.installed == 1


@pytest.mark.parametrize("labels", [{"pool": "other"}, {"pool": "kata", "spot": ""}])
def test_a_node_that_is_not_selected_any_more_is_left_alone(labels: dict[str, str]) -> None:
    on = cluster(0)
    on.add_nodes(*(f"node-{number}" for number in range(9)), labels={"pool": "kata"})

    def deselect() -> None:
        on.nodes["node-8"]["metadata"]["labels"] = labels

    done = changing(on, 2.0, deselect, selection=POOL)
    assert (done.outcome.installed, done.outcome.skipped) == (8, 1)
    assert "node-8" not in on.starts


def test_a_node_that_had_to_wait_after_a_create_without_answer_is_read_again_at_its_turn() -> None:
    on = cluster(0)
    on.add_nodes("node-0", labels={"pool": "kata"})

    class Unanswered(FakeKubeApi):
        async def create_job(self, *job: Any) -> Any:
            if not on.starts:
                on.create_job(NAMESPACE, node_job("node-0", suffix="b"))
                on.nodes["node-0"]["metadata"]["labels"]["pool"] = "other"
                raise unreachable()
            return await super().create_job(*job)

    done = simulate(roll_out(Unanswered(on), request(selection=POOL)))
    assert (on.starts, done.outcome.skipped) == (["node-0"], 1), "only the Job of another one runs"


def test_a_canary_that_was_left_out_proves_nothing_and_stops_the_rollout() -> None:
    on = cluster(4)
    on.fates["node-00"] = "succeeds"

    class Late(FakeKubeApi):
        async def get_node(self, name: str) -> Any:
            set_ready(on, "Unknown", "node-00")
            return await super().get_node(name)

    done = simulate(roll_out(Late(on), request(waves=("canary", "100%"))))
    assert (on.starts, done.outcome.skipped, done.outcome.remaining) == ([], 1, 3)
    assert "canary node-00 was left out (NotReady), the next run chooses another" in done.failure


def with_old_pool() -> Cluster:
    on = cluster(20)
    on.add_nodes("old-0", "old-1", labels={"pool": "old"})
    simulate(roll_out(FakeKubeApi(on), request()))
    on.starts.clear()
    on.add_nodes(*(f"new-{number}" for number in range(6)))
    return on


@pytest.mark.parametrize("seconds", [3.0, 27.0])
def test_a_deselected_node_that_is_selected_again_before_its_cleanup_stays(seconds: float) -> None:
    on = with_old_pool()
    wanted: dict[str, Any] = {
        "selection": Selection(selectors=("pool!=old",)),
        "cleanup": replace(CLEANUP, parallelism=1),
        "parallelism": 1,
    }
    assert len(simulate(preview(FakeKubeApi(on), request(**wanted))).cleanup.pending) == 2
    select_again = lambda: on.nodes["old-1"]["metadata"]["labels"].update(pool="new")  # noqa: E731 # one line
    done = changing(on, seconds, select_again, **wanted)
    assert on.starts[-1] == "old-0"
    assert "old-1" in on.marked()
    assert (done.outcome.cleaned, done.failure) == (1, "")


@pytest.mark.parametrize("back", [True, False])
def test_a_node_that_dies_while_others_are_cleaned_is_waited_for(back: bool) -> None:
    on, told = installed(6), Told()

    async def story() -> None:
        loop = asyncio.get_running_loop()
        loop.call_later(2.0, set_ready, on, "Unknown", "node-05")
        if back:
            loop.call_later(30.0, set_ready, on, "True", "node-05")
        await uninstall(FakeKubeApi(on), ENDING, PulumiRunner, told)

    if back:
        simulate(story())
        assert (on.marked(), on.leases) == ([], {})
    else:
        with pytest.raises(
            RolloutFailedError,
            match=r"1 node could not be cleaned, .*: node-05 \(NotReady",
        ):
            simulate(story())
        assert on.marked() == ["node-05"]
        gives_up = replace(ENDING, abandoned=frozenset({"node-05"}))
        simulate(uninstall(FakeKubeApi(on), gives_up, PulumiRunner, told))
        assert (on.marked(), on.leases) == ([], {})


def test_a_create_that_may_have_been_applied_is_repeated_without_another_look() -> None:
    on = cluster(1)
    api = FakeKubeApi(on)
    api.lose_answer("create_job", TimeoutError())

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(0.5, set_ready, on, "Unknown", "node-00")
        return await roll_out(api, request())

    done = simulate(story())
    assert (done.outcome.installed, done.outcome.skipped, on.starts) == (1, 0, ["node-00"])


def pods_at_work_when_created(on: Cluster) -> list[str]:
    """Return, as it grows, on which nodes a Job was created while a pod was still at work there."""
    found: list[str] = []
    create = on.create_job

    def watched(namespace: str, manifest: Any) -> Any:
        node = manifest["metadata"]["annotations"][names.NODE_NAME_ANNOTATION]
        found.extend(node for _ in on.at_work(node))
        return create(namespace, manifest)

    on.create_job = watched  # type: ignore[method-assign] # of this one cluster
    return found


def test_the_next_job_waits_for_the_pod_of_one_that_was_deleted() -> None:
    on = cluster(1, grace_seconds=30.0, job_seconds=10.0)
    beside = pods_at_work_when_created(on)
    done = changing(on, 4.0, lambda: on.delete_job("kata-deploy-install-node-00", None))
    assert (done.outcome.installed, len(on.starts), beside) == (1, 2, [])


def test_it_waits_for_that_pod_also_where_the_create_of_the_deleted_one_had_no_answer() -> None:
    on = cluster(1, grace_seconds=30.0, job_seconds=10.0)
    beside, api = pods_at_work_when_created(on), FakeKubeApi(on)
    api.lose_answer("create_job", TimeoutError())

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(
            4.0, on.delete_job, "kata-deploy-install-node-00", None
        )
        return await roll_out(api, request())

    done = simulate(story())
    assert (done.outcome.installed, len(on.starts), beside) == (1, 2, [])


def test_it_waits_for_that_pod_also_where_it_has_never_seen_the_deleted_job() -> None:
    on = cluster(1, grace_seconds=30.0, job_seconds=10.0)
    beside = pods_at_work_when_created(on)

    class Blind(FakeKubeApi):
        """Its watch shows nothing; somebody deletes a Job whose create has got no answer."""

        async def watch_jobs(self, *position: str) -> AsyncGenerator[JobEvent, None]:
            await asyncio.Event().wait()
            async for event in super().watch_jobs(*position):
                yield event

        async def create_job(self, namespace: str, manifest: Manifest) -> Job:
            try:
                return await super().create_job(namespace, manifest)
            except TimeoutError:
                on.delete_job(manifest["metadata"]["name"], None)
                raise

    api = Blind(on)
    api.lose_answer("create_job", TimeoutError())
    done = simulate(roll_out(api, request()))
    assert (done.outcome.installed, len(on.starts), beside) == (1, 2, [])


@pytest.mark.parametrize("stage", ["install", "cleanup"])
def test_the_next_run_waits_for_a_pod_that_ends_behind_its_failed_job(stage: str) -> None:
    on = cluster(1, grace_seconds=30.0)
    on.fates["node-00"] = "hangs"
    beside = pods_at_work_when_created(on)

    async def story() -> None:
        later = asyncio.get_running_loop().call_later
        later(4.0, lambda: on.expire_job("kata-deploy-install-node-00", waits=False))
        assert (await roll_out(FakeKubeApi(on), request())).outcome.failed == 1
        on.fates.clear()
        if stage == "install":
            await roll_out(FakeKubeApi(on), request())
        else:
            await uninstall(FakeKubeApi(on), ENDING, PulumiRunner, Told())

    simulate(story())
    assert (len(on.starts), beside) == (2, [])


def test_a_pod_that_never_ends_fails_its_node_with_the_reason() -> None:
    on = cluster(1, grace_seconds=1e9, job_seconds=10.0)
    done = changing(on, 4.0, lambda: on.delete_job("kata-deploy-install-node-00", None))
    assert len(on.starts) == 1
    assert (
        "a pod of the Job kata-deploy-install-node-00 still works on it, although the Job has ended"
        in done.failure
    )


def test_jobs_replace_a_pod_only_when_it_has_ended() -> None:
    on = cluster(1)
    on.fates["node-00"] = "fails"
    simulate(roll_out(FakeKubeApi(on), request()))
    [job] = on.jobs.values()
    assert job["spec"]["podReplacementPolicy"] == "Failed"
