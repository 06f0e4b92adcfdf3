"""What holds up a Job, from what its pods and its node say."""

from typing import Any

import msgspec
import pytest

from kata_components.kubernetes.nodes import Taint
from kata_components.kubernetes.objects import Metadata
from kata_components.kubernetes.pods import Event, Pod
from kata_components.pacing.holdup import Holdup, holdup, summarised
from tests.planning.builders import job, node

STAGES = ("host-check", "artifacts", "cri")


def pod(
    *states: dict[str, Any], phase: str = "Running", created: str = "2026-01-01T00:00:00Z"
) -> Pod:
    """Return a pod whose stages are in these states, in order."""
    statuses = [
        {"name": stage, "state": state} for stage, state in zip(STAGES, states, strict=False)
    ]
    metadata = {"name": "p", "creationTimestamp": created}
    return msgspec.convert(
        {"metadata": metadata, "status": {"phase": phase, "initContainerStatuses": statuses}}, Pod
    )


DONE: dict[str, Any] = {"terminated": {"exitCode": 0}}
FAILED: dict[str, Any] = {"terminated": {"exitCode": 3, "message": "Error: top\n  deep\n"}}
RUNS: dict[str, Any] = {"running": {"startedAt": "2026-01-01T00:00:00Z"}}
WAITS: dict[str, Any] = {"waiting": {"reason": "PodInitializing"}}


@pytest.mark.parametrize(
    ("pods", "says"),
    [
        ([pod(DONE, RUNS, WAITS)], "stage artifacts is running"),
        ([pod(WAITS, WAITS)], "its pod is being started"),
        ([pod(phase="Pending")], "the kubelet has not picked up its pod"),
        ([pod(FAILED, phase="Failed")], "stage host-check has failed: exit code 3: top | deep"),
        ([pod(FAILED, phase="Failed"), pod(DONE, RUNS)], "stage artifacts is running"),
        (
            [
                pod(DONE, FAILED, phase="Failed", created="2026-01-01T00:01:00Z"),
                pod(FAILED, phase="Failed"),
            ],
            "stage artifacts has failed: exit code 3: top | deep",
        ),
        ([], "the Job has no pod"),
    ],
)
def test_the_newest_running_pod_counts(pods: list[Pod], says: str) -> None:
    assert str(holdup(job("a"), pods, node("a"), (), ())) == says


def test_the_newest_refusal_of_a_pod_counts() -> None:
    def refused(message: str, time: str) -> Event:
        return Event(
            metadata=Metadata(name="e"), reason="FailedCreate", message=message, last_timestamp=time
        )

    events = [refused("new\nest", "2026-01-01T00:02:00Z"), refused("old", "2026-01-01T00:01:00Z")]
    assert str(holdup(job("a"), [], node("a"), (), events)) == "the Job has no pod: new est"


def test_taints_that_a_job_tolerates_evict_nothing() -> None:
    on = node(
        "a",
        taints=[
            Taint(key="k", effect="NoSchedule"),
            Taint(key="gpu", value="x", effect="NoExecute"),
        ],
    )
    assert str(holdup(job("a"), [], on, (), ())) == "the taint gpu=x:NoExecute evicts its pods"
    tolerated = [{"key": "gpu", "operator": "Exists"}]
    assert str(holdup(job("a"), [], on, tolerated, ())) == "the Job has no pod"


def test_the_row_has_a_short_text_for_each_kind_of_trouble_and_few_kinds() -> None:
    pull = {name: Holdup(what="stage cri cannot start", detail="x" * 1000) for name in "abc"}
    others = {str(number): Holdup(what=f"trouble {number}") for number in range(9)}
    texts = summarised(others | pull)
    assert texts[0].startswith("a and 2 more: stage cri cannot start: xxx")
    assert len(texts) == 3
    assert max(map(len, texts)) < 250
