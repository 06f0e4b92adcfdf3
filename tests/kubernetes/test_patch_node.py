from collections.abc import Callable
from typing import Any

import pytest

from kata_components.errors import ApiError
from kata_components.kubernetes.nodes import Taint
from tests.kubernetes.fake_server import Script, in_turn, ok, refused
from tests.kubernetes.support import Wired

pytestmark = pytest.mark.anyio

Wire = Callable[[Script], Wired]
GPU = {"key": "gpu", "value": "yes", "effect": "NoExecute", "timeAdded": "2026-01-01T00:00:00Z"}
PENDING = {"key": "kata", "effect": "NoSchedule"}


@pytest.mark.parametrize(
    ("changes", "body"),
    [
        (
            {"annotations": {"a": "b"}, "labels": {"c": None}},
            {"metadata": {"uid": "u", "annotations": {"a": "b"}, "labels": {"c": None}}},
        ),
        (
            {"annotations": {}, "labels": {"c": "false"}, "resource_version": "7"},
            {"metadata": {"uid": "u", "resourceVersion": "7", "labels": {"c": "false"}}},
        ),
        (
            {"annotations": {}, "labels": {}, "taints": [], "resource_version": "7"},
            {"metadata": {"uid": "u", "resourceVersion": "7"}, "spec": {"taints": []}},
        ),
    ],
)
async def test_a_patch_names_what_changes_and_the_node_it_is_meant_for(
    wired: Wire, changes: dict[str, Any], body: dict[str, Any]
) -> None:
    wire = wired(lambda _: ok({"metadata": {"name": "n"}}))

    await wire.api.patch_node("n", "u", **changes)

    [request] = wire.server.received
    assert (request.method, request.path, request.json) == ("PATCH", "/api/v1/nodes/n", body)
    assert request.headers["content-type"] == "application/merge-patch+json"


async def test_the_answer_is_the_whole_node(wired: Wire) -> None:
    node = {
        "metadata": {"name": "n", "uid": "u", "resourceVersion": "8", "labels": {"c": "d"}},
        "spec": {"taints": [GPU]},
        "status": {
            "conditions": [{"type": "Ready", "status": "True"}],
            "nodeInfo": {"kubeletVersion": "v1.34.1+k3s1"},
            "runtimeHandlers": [{"name": "kata-qemu"}],
        },
    }
    wire = wired(lambda _: ok(node))

    patched = await wire.api.patch_node("n", "u", annotations={}, labels={"c": "d"})

    assert wire.server.received[0].headers["accept"] == "application/json"
    assert (patched.metadata.resource_version, patched.metadata.label("c")) == ("8", "d")
    assert (patched.ready, patched.info.kubelet_version) == (True, "v1.34.1+k3s1")
    assert (patched.handlers, patched.taints[0].key) == (frozenset({"kata-qemu"}), "gpu")


async def test_taints_that_stay_are_written_back_with_all_their_fields(wired: Wire) -> None:
    wire = wired(lambda _: ok({"metadata": {"name": "n"}, "spec": {"taints": [GPU, PENDING]}}))
    taints = (await wire.api.get_node("n")).taints

    await wire.api.patch_node(
        "n", "u", annotations={}, labels={}, taints=taints, resource_version="7"
    )

    assert wire.server.received[-1].json["spec"]["taints"] == [GPU, PENDING]


async def test_taints_without_a_version_are_a_mistake(wired: Wire) -> None:
    wire = wired(in_turn(ok({})))
    with pytest.raises(ValueError, match="version"):
        await wire.api.patch_node(
            "n", "u", annotations={}, labels={}, taints=[Taint(key="a", effect="NoSchedule")]
        )
    assert wire.server.received == []


async def test_a_node_that_has_changed_is_a_conflict_and_not_tried_again(wired: Wire) -> None:
    wire = wired(in_turn(refused(409, "the object has been modified", "Conflict"), ok({})))

    with pytest.raises(ApiError) as changed:
        await wire.api.patch_node("n", "u", annotations={}, labels={}, resource_version="7")

    assert changed.value.conflict
    assert len(wire.server.received) == 1
