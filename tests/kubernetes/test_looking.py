"""The calls that find out what holds a run up: pods and events by field selector, a dry run."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from kata_components.errors import ApiError
from kata_components.kubernetes.nodes import Node
from tests.kubernetes.fake_server import Script, in_turn, ok, refused
from tests.kubernetes.support import Wired

pytestmark = pytest.mark.anyio

Wire = Callable[[Script], Wired]


def listed(*items: dict[str, Any]) -> Script:
    return in_turn(ok({"metadata": {"resourceVersion": "7"}, "items": list(items)}))


async def test_pods_are_selected_by_labels_and_fields(wired: Wire) -> None:
    owner = {"uid": "u", "kind": "Job", "name": "j"}
    waiting = {"name": "cri", "state": {"waiting": {"reason": "ErrImagePull", "message": "none"}}}
    pod = {
        "metadata": {"name": "p", "ownerReferences": [owner]},
        "status": {"containerStatuses": [waiting]},
    }
    wire = wired(listed(pod))

    [found] = await wire.api.list_pods("ns", "a=b", "status.phase!=Succeeded")

    [request] = wire.server.received
    assert request.path == "/api/v1/namespaces/ns/pods"
    assert request.query == {
        "limit": "500",
        "labelSelector": "a=b",
        "fieldSelector": "status.phase!=Succeeded",
    }
    assert found.stuck is not None
    assert (found.stuck[0], found.stuck[1].reason) == ("cri", "ErrImagePull")
    assert [o.uid for o in found.metadata.owner_references or []] == ["u"]


@pytest.mark.parametrize(
    ("times", "time"),
    [
        ({"lastTimestamp": "2026-01-02T00:00:00Z", "eventTime": None}, "2026-01-02T00:00:00Z"),
        (
            {"lastTimestamp": None, "eventTime": "2026-01-03T00:00:00.000000Z"},
            "2026-01-03T00:00:00.000000Z",
        ),
        ({}, "2026-01-01T00:00:00Z"),
    ],
)
async def test_events_are_selected_by_fields(wired: Wire, times: dict[str, Any], time: str) -> None:
    metadata = {"name": "e", "creationTimestamp": "2026-01-01T00:00:00Z"}
    wire = wired(
        listed({"metadata": metadata, "reason": "FailedCreate", "message": "forbidden", **times})
    )

    [event] = await wire.api.list_events("ns", "involvedObject.uid=u,type=Warning")

    [request] = wire.server.received
    assert request.path == "/api/v1/namespaces/ns/events"
    assert request.query == {"limit": "500", "fieldSelector": "involvedObject.uid=u,type=Warning"}
    assert (event.message, event.time) == ("forbidden", time)


async def test_a_dry_run_is_repeated_like_a_read(wired: Wire) -> None:
    wire = wired(
        in_turn(refused(503), ok({"metadata": {"name": "x"}}, 201), refused(422, "invalid"))
    )

    await wire.api.dry_run_job("ns", {"metadata": {"name": "x"}})
    with pytest.raises(ApiError, match="422"):
        await wire.api.dry_run_job("ns", {"metadata": {"name": "x"}})

    assert [(request.method, request.path) for request in wire.server.received] == [
        ("POST", "/apis/batch/v1/namespaces/ns/jobs")
    ] * 3
    assert all(request.query == {"dryRun": "All"} for request in wire.server.received)


@pytest.mark.parametrize(("status", "kept"), [("False", "runtime is down"), ("True", "")])
def test_only_the_message_of_a_node_that_is_not_ready_is_kept(status: str, kept: str) -> None:
    words = {"reason": "KubeletNotReady", "message": "runtime\nis down"}
    conditions = [
        {"type": "MemoryPressure", "status": "False", **words},
        {"type": "Ready", "status": status, **words},
    ]
    node = msgspec.convert({"metadata": {"name": "n"}, "status": {"conditions": conditions}}, Node)
    assert node.trouble == kept
    assert node.status is not None
    assert [bool(condition.message) for condition in node.status.conditions or []] == [
        False,
        bool(kept),
    ]
