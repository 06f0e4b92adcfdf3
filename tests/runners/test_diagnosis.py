"""Why a Job failed, from what its pods tell."""

from dataclasses import replace
from typing import Any

import pytest

from kata_components import names
from kata_components.errors import ApiError, UnreachableError
from kata_components.pacing.commands import CommandStatus, Result
from kata_components.planning.node_jobs import JobState
from kata_components.planning.step import Action, Step
from kata_components.runners.diagnosis import diagnose
from tests.model import fake_api
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import NAMESPACE, cluster
from tests.model.virtual_loop import simulate
from tests.planning.builders import job

JOB = "kata-deploy-install-node-00"
STEP = Step(
    node="node-00", node_uid="uid-node-00", machine_id="m", action=Action.INSTALL, reason="new node"
)


def pod(status: dict[str, Any], created: str = "2026-01-01T00:00:00Z") -> dict[str, Any]:
    labels = {"job-name": JOB}
    return {
        "metadata": {"name": f"pod-{created}", "creationTimestamp": created, "labels": labels},
        "status": status,
    }


def terminated(
    stage: str, code: int, message: str | None = None, reason: str = "Error"
) -> dict[str, Any]:
    return {
        "name": stage,
        "state": {"terminated": {"exitCode": code, "reason": reason, "message": message}},
    }


def waiting(stage: str, reason: str, message: str | None = None) -> dict[str, Any]:
    return {"name": stage, "state": {"waiting": {"reason": reason, "message": message}}}


def with_pods(*pods: dict[str, Any]) -> Cluster:
    on = cluster(1)
    on.pods.update({str(number): made for number, made in enumerate(pods)})
    return on


def why(on: Cluster | FakeKubeApi, failure: str = "", *, vanished: bool = False) -> Result:
    api = on if isinstance(on, FakeKubeApi) else FakeKubeApi(on)
    found = replace(job("node-00", JobState.FAILED), failure=failure)
    return simulate(diagnose(api, NAMESPACE, STEP, None if vanished else found))


@pytest.mark.parametrize(
    ("status", "text"),
    [
        (
            {
                "initContainerStatuses": [
                    terminated("host-check", 0),
                    terminated("artifacts", 3, "no\nspace"),
                ]
            },
            "stage artifacts ended with exit code 3, Error: no | space",
        ),
        (
            {
                "initContainerStatuses": [
                    terminated("load-kernel-modules", 1, "Error: neither /dev/kvm nor /dev/mshv"),
                    waiting("host-check", "PodInitializing"),
                ]
            },
            "stage load-kernel-modules ended with exit code 1, "
            "Error: neither /dev/kvm nor /dev/mshv",
        ),
        (
            {"containerStatuses": [terminated("label", 137, "killed", "OOMKilled")]},
            "stage label ended with exit code 137, OOMKilled: killed",
        ),
        (
            {"initContainerStatuses": [waiting("artifacts", "ImagePullBackOff", "not found")]},
            "stage artifacts could not start: ImagePullBackOff: not found",
        ),
        (
            {
                "initContainerStatuses": [waiting("artifacts", "PodInitializing")],
                "reason": "DeadlineExceeded",
                "message": "too slow",
            },
            "pod DeadlineExceeded: too slow",
        ),
    ],
)
def test_the_pod_tells_which_stage_ended_how(status: dict[str, Any], text: str) -> None:
    assert why(with_pods(pod(status))) == Result(code=CommandStatus.DONE, text=text)


def test_the_newest_pod_that_tells_something_counts() -> None:
    older = pod({"containerStatuses": [terminated("cri", 1, "old")]}, "2026-01-01T00:00:00Z")
    newer = pod({"containerStatuses": [terminated("cri", 2, "new")]}, "2026-01-01T00:05:00Z")
    silent = pod({"containerStatuses": [waiting("cri", "PodInitializing")]}, "2026-01-01T00:09:00Z")
    assert (
        why(with_pods(older, newer, silent)).text == "stage cri ended with exit code 2, Error: new"
    )


def test_without_a_message_the_end_of_the_log_is_told() -> None:
    text = why(with_pods(pod({"containerStatuses": [terminated("cri", 1)]}))).text
    assert text == "stage cri ended with exit code 1, Error: unpacking | no space left on device"


CHAIN = [
    "Error: failed to configure the container runtime",
    "",
    "Caused by:",
    *(f"    {number}: while doing step {number} of the work on this host" for number in range(5)),
    "    5: No space left on device (os error 28)",
]
"""As the node program ends: `Error:` and its causes, the most general one first."""


def test_a_chain_of_causes_is_told_from_its_beginning() -> None:
    on = with_pods(pod({"containerStatuses": [terminated("cri", 1)]}))
    on.log = "\n".join(
        [
            "Error: an earlier one",
            *(f"copying {number}" for number in range(20)),
            *CHAIN[:4],
            CHAIN[-1],
        ]
    )
    assert why(on).text == (
        "stage cri ended with exit code 1, Error: failed to configure the container runtime | "
        "Caused by: | 0: while doing step 0 of the work on this host | "
        "5: No space left on device (os error 28)"
    )


@pytest.mark.parametrize("as_message", [True, False])
def test_of_a_long_chain_the_deepest_causes_are_kept(as_message: bool) -> None:
    told = "\n".join([*CHAIN[:-1], f"    4: {'x' * 150}", CHAIN[-1]])
    on = with_pods(pod({"containerStatuses": [terminated("cri", 1, told if as_message else None)]}))
    on.log = told
    text = why(on).text
    assert "Error: failed to configure the container runtime | Caused by:" in text
    assert text.endswith("x | 5: No space left on device (os error 28)")
    assert len(text) < 400 + len("stage cri ended with exit code 1, Error: ") + 1


def test_what_a_log_does_to_a_terminal_is_spelled_out() -> None:
    on = with_pods(pod({"containerStatuses": [terminated("cri", 1)]}))
    on.log = "\x1b[2Jgone\u2028plan: nothing to do\n"
    assert (
        why(on).text == r"stage cri ended with exit code 1, Error: \x1b[2Jgone plan: nothing to do"
    )


@pytest.mark.parametrize(
    "error", [fake_api.unreachable(), fake_api.server_error(), fake_api.forbidden("read logs")]
)
def test_a_log_that_cannot_be_had_is_done_without(error: Exception) -> None:
    api = FakeKubeApi(with_pods(pod({"containerStatuses": [terminated("cri", 1)]})))
    api.refuse("pod_log", error)
    assert why(api).text == "stage cri ended with exit code 1, Error"


@pytest.mark.parametrize(
    ("failure", "text"),
    [
        ("BackoffLimitExceeded: reached", "BackoffLimitExceeded: reached"),
        ("", "the Job gives no reason"),
    ],
)
def test_without_pods_the_job_controllers_reason_stands(failure: str, text: str) -> None:
    assert why(with_pods(), failure=failure).text == text


@pytest.mark.parametrize(
    ("finished", "text"),
    [
        ("2026-01-01T00:01:00Z", "its job x failed: host-check exited 1: no"),
        ("2025-12-31T23:59:00Z", "DeadlineExceeded"),
        (None, "DeadlineExceeded"),
    ],
    ids=["since-the-job", "of-an-earlier-run", "unknown"],
)
def test_without_pods_the_words_of_the_dispatcher_stand_if_they_are_of_this_job(
    finished: str | None, text: str
) -> None:
    on = with_pods()
    annotations = on.nodes["node-00"]["metadata"]["annotations"]
    annotations[names.ERROR_ANNOTATION] = "its job x failed: host-check exited 1:\nno"
    if finished:
        annotations[names.FINISHED_AT_ANNOTATION] = finished
    found = replace(job("node-00", JobState.FAILED), created="2026-01-01T00:00:00Z")
    found = replace(found, failure="DeadlineExceeded")
    result = simulate(diagnose(FakeKubeApi(on), NAMESPACE, STEP, found))
    assert result.text == text


def test_a_node_that_went_down_is_told_so() -> None:
    on = with_pods()
    on.nodes["node-00"]["status"]["conditions"][0] |= {"status": "Unknown", "message": "no news"}
    assert (
        why(on, failure="DeadlineExceeded").text
        == "DeadlineExceeded (the node is now NotReady: no news)"
    )


def test_a_job_that_kept_vanishing_is_told_so() -> None:
    assert why(with_pods(), vanished=True).text == "its Job was deleted several times while it ran"


def test_a_node_that_is_gone_or_another_machine_is_no_failure() -> None:
    on = with_pods()
    on.nodes["node-00"]["metadata"]["uid"] = "another"
    assert why(on).code is CommandStatus.GONE
    on.nodes.clear()
    assert why(on).code is CommandStatus.GONE


@pytest.mark.parametrize("error", [fake_api.unreachable(), fake_api.server_error()])
def test_a_node_that_cannot_be_read_is_no_verdict(error: UnreachableError | ApiError) -> None:
    api = FakeKubeApi(with_pods())
    api.refuse("get_node", error)
    with pytest.raises(type(error)):
        why(api)
