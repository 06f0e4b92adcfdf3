from collections.abc import Callable
from typing import Any

import pytest

from kata_components.errors import ApiError, ExpiredError
from kata_components.kubernetes.objects import MetadataEvent
from tests.kubernetes.fake_server import Script, in_turn, refused, stream
from tests.kubernetes.support import Wired

pytestmark = pytest.mark.anyio

Wire = Callable[[Script], Wired]
FORBIDDEN = refused(403, "no")  # ends every watch below


def event(name: str, version: int, kind: str = "ADDED", **metadata: Any) -> dict[str, Any]:
    named = {"name": name, "uid": f"uid-{name}", "resourceVersion": str(version)}
    return {"type": kind, "object": {"kind": "PartialObjectMetadata", "metadata": named | metadata}}


async def watched(wire: Wired, version: str = "") -> list[MetadataEvent]:
    """Return all events until the watch is refused."""
    seen: list[MetadataEvent] = []

    async def follow() -> None:
        async for found in wire.api.watch_node_metadata(version):
            seen.append(found)

    with pytest.raises(ApiError, match="403"):
        await follow()
    return seen


def positions(wire: Wired) -> list[str | None]:
    return [request.query.get("resourceVersion") for request in wire.server.received]


async def test_only_metadata_is_asked_for(wired: Wire) -> None:
    labelled = event("a", 6, "MODIFIED", labels={"k": "v"}, annotations={"x": "y"})
    wire = wired(in_turn(stream(labelled), FORBIDDEN))

    [seen] = await watched(wire, "5")

    request = wire.server.received[0]
    assert (request.path, request.query["resourceVersion"]) == ("/api/v1/nodes", "5")
    assert request.headers["accept"].startswith("application/json;as=PartialObjectMetadata;")
    metadata = seen.object.metadata
    assert (seen.type, metadata.name, metadata.uid) == ("MODIFIED", "a", "uid-a")
    assert (metadata.label("k"), metadata.annotation("x")) == ("v", "y")
    assert metadata.resource_version == "6"


async def test_from_a_version_on_it_continues_where_it_was(wired: Wire) -> None:
    wire = wired(in_turn(stream(event("a", 6)), stream(event("a", 9, "DELETED")), FORBIDDEN))
    assert [found.type for found in await watched(wire, "5")] == ["ADDED", "DELETED"]
    assert positions(wire) == ["5", "6", "9"]


async def test_what_is_there_is_no_position_until_a_bookmark_says_so(wired: Wire) -> None:
    bookmark = event("", 50, "BOOKMARK")
    there = [event("new", 40), event("old", 3)]
    wire = wired(
        in_turn(stream(there[0], end="reset"), stream(*there, bookmark), stream(), FORBIDDEN)
    )

    assert [found.object.metadata.name for found in await watched(wire)] == ["new", "new", "old"]
    assert positions(wire) == [None, None, "50", "50"]


async def test_a_server_that_always_breaks_off_is_asked_less_and_less_often(wired: Wire) -> None:
    wire = wired(in_turn(*[stream(event("a", 6), end="reset")] * 4, FORBIDDEN))
    assert len(await watched(wire)) == 4
    assert wire.pauses.seconds == pytest.approx([0.2, 0.4, 0.8, 1.6])


async def test_a_position_that_is_too_old_is_the_callers(wired: Wire) -> None:
    wire = wired(in_turn(refused(410, "too old")))
    with pytest.raises(ExpiredError):
        await anext(wire.api.watch_node_metadata("5"))
    assert len(wire.server.received) == 1
