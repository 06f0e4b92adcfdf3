"""Nodes of the model: patches with their guards, and watches of their metadata."""

import asyncio
from typing import Any

import pytest

from kata_components.errors import ApiError, ExpiredError
from kata_components.kubernetes.nodes import Taint
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster
from tests.model.virtual_loop import simulate


def patched(on: Cluster, **changes: Any) -> Any:
    return simulate(
        FakeKubeApi(on).patch_node(
            "node-00", **{"uid": "uid-node-00", "annotations": {}, "labels": {}} | changes
        )
    )


def test_a_patch_merges_and_answers_with_the_whole_node() -> None:
    on = cluster(1)
    on.nodes["node-00"]["spec"]["taints"] = [{"key": "old", "effect": "NoSchedule"}]
    node = patched(on, annotations={"a": "b"}, labels={"kubernetes.io/hostname": None, "c": "d"})
    assert (node.ready, node.metadata.labels, node.taints[0].key) == (True, {"c": "d"}, "old")

    version = node.metadata.resource_version
    node = patched(
        on,
        annotations={"a": None},
        taints=[Taint(key="new", effect="NoExecute")],
        resource_version=version,
    )
    assert (node.metadata.annotations, node.taints[0].key) == ({}, "new")
    assert int(node.metadata.resource_version) > int(version)
    assert on.nodes["node-00"]["spec"]["taints"] == [{"key": "new", "effect": "NoExecute"}]


@pytest.mark.parametrize("guard", [{"uid": "another"}, {"resource_version": "0"}])
def test_a_patch_meant_for_another_node_or_version_conflicts(guard: dict[str, str]) -> None:
    on = cluster(1)
    with pytest.raises(ApiError) as refused:
        patched(on, labels={"a": "b"}, **guard)
    assert (refused.value.conflict, "a" in on.nodes["node-00"]["metadata"]["labels"]) == (
        True,
        False,
    )


def test_a_watch_begins_with_what_is_there_and_goes_on_with_changes() -> None:
    async def story() -> list[tuple[str, str, str | None]]:
        def change() -> None:
            on.patch_node("node-01", "uid-node-01", annotations={}, labels={"a": "b"})
            on.add_nodes("new")
            on.remove_node("node-00")

        asyncio.get_running_loop().call_later(5.0, change)
        seen: list[tuple[str, str, str | None]] = []
        async for event in FakeKubeApi(on).watch_node_metadata():
            metadata = event.object.metadata
            seen.append((event.type, metadata.name, metadata.label("a")))
            if event.type == "DELETED":
                break
        return seen

    on = cluster(2)
    assert simulate(story()) == [
        ("ADDED", "node-00", None),
        ("ADDED", "node-01", None),
        ("MODIFIED", "node-01", "b"),
        ("ADDED", "new", None),
        ("DELETED", "node-00", None),
    ]


def test_a_watch_continues_from_a_version_until_that_is_forgotten() -> None:
    async def story() -> list[str]:
        version = on.nodes["node-00"]["metadata"]["resourceVersion"]
        seen = [await anext(FakeKubeApi(on).watch_node_metadata(version))]
        on.forget()
        with pytest.raises(ExpiredError):
            await anext(FakeKubeApi(on).watch_node_metadata(version))
        return [event.object.metadata.name for event in seen]

    on = cluster(2)
    assert simulate(story()) == ["node-01"]
