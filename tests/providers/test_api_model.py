"""The served model answers the real client as `FakeKubeApi` does."""

import asyncio
import json
from contextlib import aclosing
from pathlib import Path

import pytest

from kata_components.errors import ApiError
from kata_components.kubernetes.connect import connect
from kata_components.kubernetes.nodes import Node
from tests.kubernetes.support import CONTEXT
from tests.model.cluster import Cluster
from tests.providers.api_model import ApiServer


def test_nodes_are_patched_with_guards_and_watched(tmp_path: Path) -> None:
    cluster = Cluster()
    cluster.add_nodes("a", "b")

    async def story() -> tuple[list[tuple[str, str]], Node]:
        api = connect(CONTEXT, json.loads(config.read_text()))
        seen: list[tuple[str, str]] = []
        async with aclosing(api.watch_node_metadata()) as watch:
            async for event in watch:
                metadata = event.object.metadata
                seen.append((event.type, metadata.name))
                if metadata.label("k"):
                    break
                if metadata.name == "b":
                    version = metadata.resource_version
                    patched = await api.patch_node(
                        "b",
                        "uid-b",
                        annotations={"x": "y"},
                        labels={"k": "v"},
                        resource_version=version,
                    )
                    with pytest.raises(ApiError, match="409"):
                        await api.patch_node(
                            "b", "uid-b", annotations={}, labels={}, resource_version=version
                        )
        await api.aclose()
        return seen, patched

    with ApiServer(cluster) as server:
        config = tmp_path / "config"
        server.write_kubeconfig(config)
        seen, patched = asyncio.run(story())

    assert seen == [("ADDED", "a"), ("ADDED", "b"), ("MODIFIED", "b")]
    assert (patched.ready, patched.metadata.annotation("x")) == (True, "y")
