"""What a person sees of nodes that go wrong behind their token-free Jobs."""

import asyncio
from typing import Any

import pytest

from kata_components.errors import ApiError
from kata_components.operations.install import Installed
from kata_components.planning.node_jobs import described
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, unreachable
from tests.model.installation import NAMESPACE, Told, cluster, roll_out
from tests.model.kubelet import NEVER, Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.token_free import BOTH, STARTUP, labels, tolerant, up, wanted, whole

K3S = "v1.34.1+k3s1"
AT_ONCE = Kubelet(handlers_after=0.0)
FAILED = "1 node could not be installed\n  node-01: "
DETAILS = f"\n  for details: `{described(NAMESPACE, '', 'install')}`"
MATCHER = (STARTUP["key"],)
NO_HANDLERS = "does not report the handlers of its container runtime"


def ended(on: Cluster, **changes: Any) -> tuple[Installed, Told]:
    told = Told()
    return simulate(up(on, told, **changes)), told


def held_up(told: Told) -> set[str]:
    """Return what the row said of nodes that are held up."""
    return {holdup for shown in told.shown for holdup in shown.holdups}


def test_node_without_handlers_for_good_has_failed_and_is_demoted() -> None:
    on = cluster(3, kubelet=AT_ONCE)
    on.set_kubelet("node-01", Kubelet(handlers_after=NEVER))
    done, told = ended(on)
    assert done.failure == (
        f"{FAILED}its Job succeeded, but the container runtime did not report Kata's handlers "
        "within 120 s (it reports only runc); the next run looks again; to install again: "
        f"`kubectl -n {NAMESPACE} delete job kata-deploy-install-node-01`, then `pulumi up`"
        f"{DETAILS}"
    )
    assert (done.outcome.installed, labels(on, "node-01")) == (2, ("false", "false"))
    assert any("it reports only runc" in text for text in held_up(told))


def test_serving_node_that_loses_its_handlers_by_an_upgrade_is_demoted() -> None:
    on = cluster(1, kubelet=AT_ONCE)

    async def story() -> Installed:
        await up(on)
        assert labels(on) == ("true", "true")
        on.set_kubelet("node-00", Kubelet(handlers_after=0.0, serves=False))
        on.nodes["node-00"]["status"]["runtimeHandlers"].append({"name": "kata-qemu"})
        return await up(on, image="kata:4.1.1")

    done = simulate(story())
    assert "did not report Kata's handlers" in done.failure
    assert labels(on) == ("true", "false")


def test_node_that_is_not_ready_for_good_has_failed_and_resumes_behind_its_job() -> None:
    on = cluster(3, kubelet=AT_ONCE)
    on.set_kubelet("node-01", Kubelet(handlers_after=0.0, not_ready_seconds=NEVER))

    async def story() -> tuple[Installed, Installed]:
        first = await up(on)
        assert (whole(on), labels(on, "node-01")) == (["node-00", "node-02"], ("false", "false"))
        on.set_ready("node-01", ready=True)
        on.starts.clear()
        return first, await up(on)

    first, second = simulate(story())
    assert first.failure == (
        f"{FAILED}not Ready within 300 s of its Job; the next run continues from there{DETAILS}"
    )
    assert (second.outcome.installed, second.failure, on.starts) == (1, "", [])
    assert labels(on, "node-01") == ("true", "true")


def test_node_that_is_not_ready_for_a_while_is_waited_for_and_shown() -> None:
    on = cluster(1, kubelet=Kubelet(handlers_after=0.0, not_ready_seconds=60.0))
    done, told = ended(on)
    assert (done.failure, done.outcome.installed) == ("", 1)
    assert any("NotReady after its Job" in text for text in held_up(told))
    # The change is seen at once, without looks in between.
    assert 64.0 <= done.outcome.seconds <= 67.0


def test_node_that_does_not_report_its_machine_is_left_out_with_the_reason() -> None:
    on = cluster(1, kubelet=AT_ONCE)
    on.add_nodes("new")
    on.set_kubelet("new", Kubelet(reports=False))

    async def story() -> tuple[Installed, Installed]:
        first = await up(on)
        assert labels(on, "new") == (None, None)
        on.report("new")
        return first, await up(on)

    first, second = simulate(story())
    assert (first.outcome.installed, first.outcome.skipped, first.failure) == (1, 1, "")
    assert (second.outcome.installed, second.failure) == (1, "")


def test_nodes_that_do_not_report_handlers_are_accepted_and_it_is_said_once() -> None:
    done, told = ended(cluster(5))
    assert (done.outcome.installed, done.failure) == (5, "")
    assert len([line for line in told.lines if NO_HANDLERS in line]) == 1


def test_labels_of_k3s_are_written_again_until_they_hold() -> None:
    again = Kubelet(handlers_after=0.0, version=K3S, labels_again_after=(3.0, 8.0))
    on = cluster(1, kubelet=again)
    done, _ = ended(on)
    assert (done.failure, labels(on)) == ("", ("true", "true"))
    assert 4.0 + 8.0 + 12.0 <= done.outcome.seconds <= 4.0 + 8.0 + 12.0 + 2.0


def test_labels_that_never_hold_are_a_failure_in_the_end() -> None:
    often = Kubelet(handlers_after=0.0, version=K3S, labels_again_after=tuple(range(1, 200)))
    on = cluster(1, kubelet=often)
    done, _ = ended(on)
    assert "its labels did not stay, though they were written 12 times" in done.failure


def test_labels_that_are_changed_on_a_done_node_are_mended_before_the_end() -> None:
    on = cluster(1, kubelet=Kubelet(handlers_after=0.0, labels_again_after=(1.0,)))
    on.add_nodes("slow")
    on.set_kubelet("slow", Kubelet(handlers_after=20.0))
    done, _ = ended(on)
    assert (done.failure, labels(on)) == ("", ("true", "true"))


def test_machine_that_is_reinstalled_once_it_is_done_gets_no_labels_back() -> None:
    on = cluster(2, kubelet=AT_ONCE)
    on.job_seconds = 60.0
    reinstalled = on.nodes["node-00"]

    async def story() -> Installed:
        work = asyncio.create_task(up(on, parallelism=1))
        await asyncio.sleep(90.0)
        assert labels(on) == ("true", "true")
        reinstalled["status"]["nodeInfo"]["machineID"] = "another"
        uid = reinstalled["metadata"]["uid"]
        on.patch_node("node-00", uid, annotations={}, labels=dict.fromkeys(BOTH))
        return await work

    done = simulate(story())
    assert (done.failure, labels(on)) == ("", (None, None))


def test_nodes_that_stay_not_ready_count_as_failed_in_the_next_run_as_well() -> None:
    on = cluster(200, kubelet=AT_ONCE)
    on.job_seconds = 20.0
    for number in range(0, 200, 10):
        dead = Kubelet(handlers_after=0.0, not_ready_seconds=NEVER)
        on.set_kubelet(f"node-{number:02d}", dead)

    async def story() -> list[int]:
        started = []
        for _ in range(3):
            on.starts.clear()
            await up(on, parallelism=10, max_failures=3)
            started.append(len(on.starts))
        return started

    first, *later = simulate(story())
    assert first > 0
    assert later == [0, 0]


def test_canary_whose_old_handlers_go_after_its_job_stops_the_rollout() -> None:
    on = cluster(4, kubelet=AT_ONCE)

    async def story() -> Installed:
        await up(on)
        on.starts.clear()
        for node in on.nodes:
            on.set_kubelet(node, Kubelet(handlers_after=8.0, serves=False))
            on.nodes[node]["status"]["runtimeHandlers"].append({"name": "kata-qemu"})
        return await up(on, image="kata:4.1.1", waves=("canary", "100%"), max_failures=0)

    done = simulate(story())
    assert "did not report Kata's handlers within 120 s" in done.failure
    assert (len(on.starts), done.outcome.remaining) == (1, 3)


def test_startup_taints_are_lifted_last_and_others_stay() -> None:
    other = {"key": "mine", "effect": "NoSchedule", "value": "yes"}
    on = cluster(0, kubelet=AT_ONCE)
    on.add_nodes("node-00", taints=[STARTUP, other])
    done, _ = ended(on, taints=MATCHER, job=tolerant())
    assert done.failure == ""
    assert on.nodes["node-00"]["spec"]["taints"] == [other]


@pytest.mark.parametrize("error", [ApiError(422, "Invalid", "denied"), unreachable()])
def test_taints_that_cannot_be_lifted_are_said_and_the_next_run_tries_again(
    error: Exception,
) -> None:
    on = cluster(0, kubelet=AT_ONCE)
    on.add_nodes("node-00", taints=[STARTUP])
    told = Told()

    class NoTaints(FakeKubeApi):
        async def patch_node(self, *args: Any, **kwargs: Any) -> Any:
            if kwargs.get("taints") is not None:
                await asyncio.sleep(0.02)
                raise error
            return await super().patch_node(*args, **kwargs)

    async def story() -> tuple[Installed, Installed]:
        asked = wanted(taints=MATCHER, job=tolerant())
        first = await roll_out(NoTaints(on), asked, told)
        assert (whole(on), labels(on)) == (["node-00"], ("true", "true"))
        on.starts.clear()
        return first, await roll_out(FakeKubeApi(on), asked)

    first, second = simulate(story())
    assert (first.failure, first.outcome.installed) == ("", 1)
    assert [line for line in told.lines if "startup taints could" in line] == [
        f"startup taints could not be lifted; the next run tries again: node-00 ({error})"
    ]
    assert (second.failure, second.outcome.relabelled, on.starts) == ("", 1, [])
    assert on.nodes["node-00"]["spec"]["taints"] == []


def test_failed_job_leaves_labels_alone() -> None:
    on = cluster(1, kubelet=AT_ONCE)

    async def story() -> Installed:
        await up(on)
        on.fates["node-00"] = "fails"
        return await up(on, image="kata:4.1.1")

    done = simulate(story())
    assert "stage artifacts ended with exit code 1" in done.failure
    assert labels(on) == ("true", "true")


def test_machine_that_is_replaced_behind_its_job_is_not_taken_for_the_installed_one() -> None:
    on = cluster(1, kubelet=Kubelet(handlers_after=0.0, not_ready_seconds=5.0))

    async def story() -> Installed:
        work = asyncio.create_task(up(on))
        await asyncio.sleep(5.0)
        info = on.nodes["node-00"]["status"]["nodeInfo"]
        info["machineID"] = ""
        await asyncio.sleep(15.0)
        info["machineID"] = "another"
        on.node_changed("node-00")
        return await work

    done = simulate(story())
    assert (done.outcome.installed, whole(on), labels(on)) == (0, [], ("false", "false"))
    assert done.failure == ""
