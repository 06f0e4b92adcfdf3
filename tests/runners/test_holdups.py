"""What holds a Job up is shown within a minute, and is part of the failure text."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from kata_components.operations import report
from kata_components.operations.install import Installed
from kata_components.operations.uninstall import uninstall
from kata_components.planning.requests import InstallRequest
from kata_components.runners.pulumi import PulumiRunner
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, NAMESPACE, Told, cluster, request, roll_out
from tests.model.virtual_loop import now, simulate

JOB = "kata-deploy-install-node-00"
REFUSED = (
    'Error creating: pods "x" is forbidden: violates PodSecurity "baseline:latest": host namespaces'
)
PULL = {"waiting": {"reason": "ImagePullBackOff", "message": 'Back-off pulling image "kata:4.0.0"'}}

Happening = Callable[[], None]


def stuck(nodes: int = 1, **settings: Any) -> Cluster:
    """Return a cluster in which the Job of node-00 does not end by itself."""
    return cluster(nodes, fates={"node-00": "hangs"}, **settings)


def rolled_out(
    on: Cluster,
    *happenings: tuple[float, Happening],
    told: Told | None = None,
    api: FakeKubeApi | None = None,
    wanted: InstallRequest | None = None,
) -> Installed:
    """Roll out while things happen, each at its second.

    In the end the Job of node-00 meets its deadline.
    """

    async def story() -> Installed:
        loop = asyncio.get_running_loop()
        for at, happen in happenings:
            loop.call_later(at, happen)
        return await roll_out(api or FakeKubeApi(on), wanted or request(), told)

    return simulate(story())


def expire(on: Cluster) -> tuple[float, Happening]:
    return 100.0, lambda: on.expire_job(JOB)


def row(told: Told, at: float) -> str:
    """Return what was shown at a second of the run, in its first minute."""
    return report.progress_line("installed", told.shown[round(at) - 1], at)


def set_ready(on: Cluster, status: str, message: str = "") -> None:
    condition = {"type": "Ready", "status": status, "message": message}
    on.nodes["node-00"]["status"]["conditions"] = [condition]


def test_a_job_of_which_no_pod_can_be_made_says_why() -> None:
    on, told = stuck(no_pods_on={"node-00": REFUSED}), Told()
    done = rolled_out(on, expire(on), told=told)
    assert row(told, 58).startswith(
        "0/1 installed, 0 running, 1 starting, 0 waiting; node-00: the Job has no pod: "
    )
    assert 'violates PodSecurity "baseline:latest"' in row(told, 58)
    assert (
        f"node-00: the Job has no pod: {REFUSED}, until it ended: DeadlineExceeded: Job was active"
        in done.failure
    )


@pytest.mark.parametrize(
    ("state", "says"),
    [
        (
            PULL,
            'stage artifacts cannot start: ImagePullBackOff: Back-off pulling image "kata:4.0.0"',
        ),
        (
            {
                "waiting": {
                    "reason": "CreateContainerConfigError",
                    "message": 'secret "x" not found',
                }
            },
            'stage artifacts cannot start: CreateContainerConfigError: secret "x" not found',
        ),
        ({"running": {"startedAt": "2026-01-01T00:00:00Z"}}, "stage artifacts is running"),
        ({"waiting": {"reason": "PodInitializing"}}, "its pod is being started"),
    ],
)
def test_what_a_pod_waits_for_is_told_and_outlives_it(state: dict[str, Any], says: str) -> None:
    on, told = stuck(stages={"node-00": state}), Told()
    done = rolled_out(on, expire(on), told=told)
    assert f"1 running, 0 waiting; node-00: {says}" in row(told, 58)
    assert f"node-00: {says}, until it ended: DeadlineExceeded" in done.failure
    assert on.pods == {}


def test_what_keeps_a_pod_from_being_started_is_told_by_its_events() -> None:
    on, told = stuck(stages={"node-00": {"waiting": {"reason": "PodInitializing"}}}), Told()
    said = 'MountVolume.SetUp failed for volume "host": hostPath type check failed'

    def fail_to_mount() -> None:
        for pod in on.pods.values():
            on.warn_of(NAMESPACE, pod, "FailedMount", said)

    done = rolled_out(on, (5.0, fail_to_mount), expire(on), told=told)
    assert f"; node-00: its pod is being started: {said}" in row(told, 58)
    assert (
        f"node-00: its pod is being started: {said}, until it ended: DeadlineExceeded"
        in done.failure
    )


def test_the_reason_is_seen_before_a_short_deadline_takes_it_away() -> None:
    on = stuck(stages={"node-00": PULL})
    done = rolled_out(
        on, (20.0, lambda: on.expire_job(JOB)), wanted=request(node_timeout_seconds=20)
    )
    assert "node-00: stage artifacts cannot start: ImagePullBackOff" in done.failure


def test_failed_attempts_are_told_while_the_next_one_works() -> None:
    on, told = stuck(stages={"node-00": {"running": {}}}), Told()
    rolled_out(on, (10.0, lambda: on.fail_pod(JOB)), expire(on), told=told)
    assert "node-00: stage artifacts is running (attempt 2 of 7)" in row(told, 58)


def test_there_are_no_more_attempts_than_the_job_may_have() -> None:
    """The Job controller counts the pod as failed at once, and the kubelet still has to end it."""
    on, told = stuck(stages={"node-00": PULL}), Told()
    failures = [(10.0 + number, lambda: on.fail_pod(JOB)) for number in range(7)]
    done = rolled_out(on, *failures, expire(on), told=told)
    assert "node-00: stage artifacts cannot start (attempt 7 of 7): Image" in row(told, 58)
    assert "node-00: stage artifacts cannot start (attempt 7 of 7): Image" in done.failure


def test_a_node_that_becomes_not_ready_in_its_own_job_stops_further_starts_until_it_is_ready() -> (
    None
):
    on, told = stuck(20, job_seconds=12.0), Told()
    dies = (14.0, lambda: set_ready(on, "False", "container runtime is down"))
    heals = (130.0, lambda: set_ready(on, "True"))
    begun: list[int] = []
    looks = [(at, lambda: begun.append(len(on.starts))) for at in (60.0, 129.0, 170.0)]
    rolled_out(on, dies, heals, *looks, (400.0, lambda: on.end_job(JOB)), told=told)
    assert "node-00: the node is NotReady: container runtime is down" in row(told, 58)
    assert begun[0] == begun[1] < begun[2]
    assert len(on.marked()) == 20


def test_a_look_that_fails_does_not_take_back_what_was_seen() -> None:
    on = stuck(20, job_seconds=12.0)
    api = FakeKubeApi(on)
    dies = (14.0, lambda: set_ready(on, "False", "container runtime is down"))
    blinded = (60.0, lambda: api.refuse("list_nodes", *[fake_api.server_error()] * 3))
    begun: list[int] = []
    looks = [(at, lambda: begun.append(len(on.starts))) for at in (59.0, 115.0)]
    rolled_out(on, dies, blinded, *looks, (120.0, lambda: on.end_job(JOB)), api=api)
    assert begun[0] == begun[1] < 20


def test_a_node_that_is_not_ready_lets_others_start_once_its_job_has_ended() -> None:
    on = stuck(20, job_seconds=12.0)
    done = rolled_out(
        on, (14.0, lambda: set_ready(on, "False", "container runtime is down.")), expire(on)
    )
    assert (done.outcome.installed, done.outcome.failed) == (19, 1)
    assert (
        "node-00: the node is NotReady: container runtime is down, until it ended: DeadlineExceeded"
        in done.failure
    )
    assert done.failure.count("container runtime is down") == 1


def test_a_node_that_was_not_ready_when_it_was_to_be_attempted_holds_nothing_up() -> None:
    on, told = stuck(6, job_seconds=30.0), Told()
    set_ready(on, "False", "container runtime is down")
    rolled_out(on, (600.0, lambda: on.end_job(JOB)), told=told, wanted=request(not_ready="attempt"))
    assert "node-00: the node is NotReady: container runtime is down" in row(told, 58)
    assert sum(progress.done == 5 for progress in told.shown) > 30


def test_a_taint_that_evicts_the_pods_of_a_job_is_named() -> None:
    on = stuck(no_pods_on={"node-00": "never mind"})
    taint = {"key": "maintenance", "value": "soon", "effect": "NoExecute"}
    done = rolled_out(
        on,
        (10.0, lambda: on.nodes["node-00"]["spec"]["taints"].append(taint)),
        (90.0, lambda: on.end_job(JOB, "fails")),
    )
    evicted = "the taint maintenance=soon:NoExecute evicts its pods"
    assert f"node-00: {evicted}, until it ended: BackoffLimit" in done.failure


def test_many_nodes_with_the_same_trouble_are_one_text() -> None:
    on, told = cluster(5, stages={f"node-{number:02d}": PULL for number in range(5)}), Told()
    on.fates |= dict.fromkeys(on.nodes, "hangs")

    def end_all() -> None:
        for job in on.active:
            on.end_job(job["metadata"]["name"])

    rolled_out(on, (70.0, end_all), (140.0, end_all), told=told)
    assert row(told, 58).count("ImagePullBackOff") == 1
    assert "; node-00 and 2 more: stage artifacts cannot start: " in row(told, 58)


def test_a_job_that_does_not_end_at_all_says_what_was_seen_of_it() -> None:
    on = stuck(stages={"node-00": PULL})
    done = rolled_out(on)
    assert (
        "node-00: its Job did not end in time: stage artifacts cannot start: ImagePullBackOff"
        in done.failure
    )


def test_healthy_quick_rollouts_cost_no_further_request() -> None:
    api = FakeKubeApi(cluster(60, job_seconds=15.0))
    rolled_out(api.cluster, api=api)
    # Pods of earlier runs are looked for once.
    assert (api.asked.count("list_pods"), api.asked.count("list_events")) == (1, 0)


@pytest.mark.parametrize("call", ["list_pods", "list_nodes", "list_events"])
def test_what_cannot_be_looked_at_is_no_need_of_the_run(call: str) -> None:
    on = stuck(2, no_pods_on={"node-00": REFUSED})
    api = FakeKubeApi(on)
    refusals = [fake_api.forbidden("look"), fake_api.unreachable(), fake_api.server_error()] * 2
    done = rolled_out(on, (10.0, lambda: api.refuse(call, *refusals)), expire(on), api=api)
    assert (done.outcome.installed, done.outcome.failed) == (1, 1)


def test_an_api_server_that_is_out_of_reach_is_told_on_the_row() -> None:
    on, told = cluster(30), Told()
    api = FakeKubeApi(on)

    def gone() -> None:
        api.down_until = now() + 50.0

    rolled_out(on, (8.0, gone), told=told, api=api)
    assert "the API server has been unreachable since " in row(told, 40)
    assert "connection refused" in row(told, 40)
    assert "unreachable" not in report.progress_line("installed", told.shown[-1], 1.0)


def test_a_cleanup_that_is_stuck_says_so_too() -> None:
    on, told = cluster(1), Told()
    rolled_out(on)
    on.fates["node-00"], on.stages["node-00"] = "hangs", PULL

    async def story() -> None:
        job = "kata-deploy-cleanup-node-00"
        asyncio.get_running_loop().call_later(80.0, on.end_job, job)
        await uninstall(FakeKubeApi(on), ENDING, PulumiRunner, told)

    simulate(story())
    assert any(
        "stage artifacts cannot start: ImagePullBackOff" in text
        for p in told.shown
        for text in p.holdups
    )


def test_no_end_is_foretold_where_all_that_is_left_is_held_up() -> None:
    on, told = stuck(3, stages={"node-00": PULL}), Told()
    rolled_out(on, expire(on), told=told)
    assert " left" in row(told, 15)
    assert "ImagePullBackOff" in row(told, 58)
    assert " left" not in row(told, 58)
