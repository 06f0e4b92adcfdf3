import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import Any

import msgspec
import pytest

from kata_components.errors import ApiError, ClusterError, ExpiredError
from kata_components.kubernetes.auth import credential_source
from kata_components.kubernetes.client import HttpKubeApi
from kata_components.kubernetes.connection import Connection
from kata_components.kubernetes.credentials import Credential
from kata_components.kubernetes.http_transport import HttpTransport
from kata_components.kubernetes.kubeconfig import load
from kata_components.kubernetes.objects import JobEvent
from kata_components.kubernetes.retry import Retry
from kata_components.kubernetes.transport import NoAnswerError
from tests.kubernetes.fake_server import (
    FakeServer,
    ReceivedRequest,
    Reply,
    Script,
    in_turn,
    ok,
    refused,
    stream,
)
from tests.kubernetes.support import CONTEXT, Pauses, Wired, kubeconfig

pytestmark = pytest.mark.anyio

Wire = Callable[[Script], Wired]
Impatient = Callable[[str, Callable[[float], Awaitable[None]]], AsyncGenerator[JobEvent, None]]
FORBIDDEN = refused(403, "no")  # ends every watch below


def job(name: str, version: int, kind: str = "ADDED") -> dict[str, Any]:
    return {
        "type": kind,
        "object": {"metadata": {"name": name, "uid": name, "resourceVersion": str(version)}},
    }


def bookmark(version: int) -> dict[str, Any]:
    template = {"metadata": {"creationTimestamp": None}, "spec": {"containers": None}}
    metadata = {"resourceVersion": str(version), "creationTimestamp": None}
    return {
        "type": "BOOKMARK",
        "object": {"kind": "Job", "metadata": metadata, "spec": {"template": template}},
    }


def failed(code: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "ERROR",
        "object": {"kind": "Status", "code": code, "message": "failed", **more},
    }


async def events(watch: AsyncIterator[JobEvent]) -> list[JobEvent]:
    """Return all events until the watch is refused."""
    seen: list[JobEvent] = []

    async def follow() -> None:
        async for event in watch:
            seen.append(event)

    with pytest.raises(ApiError, match="403"):
        await follow()
    return seen


async def names(wire: Wired, version: str = "5") -> list[str]:
    return [
        event.object.metadata.name
        for event in await events(wire.api.watch_jobs("ns", "a=b", version))
    ]


def positions(wire: Wired) -> list[str]:
    return [request.query["resourceVersion"] for request in wire.server.received]


async def test_a_watch_begins_after_the_list_and_asks_for_bookmarks(wired: Wire) -> None:
    wire = wired(lambda _: FORBIDDEN)
    await names(wire)
    assert wire.server.received[0].query == {
        "watch": "1",
        "allowWatchBookmarks": "true",
        "labelSelector": "a=b",
        "resourceVersion": "5",
        "timeoutSeconds": "360",
    }


async def test_a_watch_that_ends_continues_from_its_position(wired: Wire) -> None:
    wire = wired(in_turn(stream(job("a", 6), job("b", 7)), stream(job("c", 9)), FORBIDDEN))
    assert await names(wire) == ["a", "b", "c"]
    assert positions(wire) == ["5", "7", "9"]
    assert wire.pauses.seconds == []


async def test_events_carry_kind_and_uid(wired: Wire) -> None:
    wire = wired(in_turn(stream(job("a", 6, "MODIFIED"), job("a", 7, "DELETED")), FORBIDDEN))
    seen = [
        (event.type, event.object.metadata.uid)
        for event in await events(wire.api.watch_jobs("ns", "", "5"))
    ]
    assert seen == [("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_bookmark_moves_the_position_and_is_not_yielded(wired: Wire) -> None:
    wire = wired(in_turn(stream(bookmark(50)), FORBIDDEN))
    assert await names(wire) == []
    assert positions(wire) == ["5", "50"]


async def test_lines_are_put_together_from_any_chunks(wired: Wire) -> None:
    data = b"".join(msgspec.json.encode(job(name, n)) + b"\n" for n, name in enumerate("abc", 6))
    pieces = [data[i : i + 7] for i in range(0, len(data), 7)]
    wire = wired(in_turn(stream(*pieces), stream(data), FORBIDDEN))
    assert await names(wire) == list("abcabc")


async def test_half_a_line_at_the_end_is_dropped(wired: Wire) -> None:
    half = msgspec.json.encode(job("b", 7))[:20]
    wire = wired(
        in_turn(stream(job("a", 6), half), stream(job("b", 7), half, end="reset"), FORBIDDEN)
    )
    assert await names(wire) == ["a", "b"]
    assert positions(wire) == ["5", "6", "7"]


async def test_a_line_that_is_not_an_event_is_an_error(wired: Wire) -> None:
    wire = wired(in_turn(stream(b"<html>\n")))
    with pytest.raises(ClusterError, match="the watch on Jobs sent a line that is not an event"):
        await anext(wire.api.watch_jobs("ns", "", "5"))


@pytest.mark.parametrize(
    "reply",
    [
        refused(410, "too old"),
        stream(failed(410)),
        stream(failed(410, reason="Expired", metadata={})),
    ],
)
async def test_an_expired_position_asks_for_a_new_list(wired: Wire, reply: Reply) -> None:
    wire = wired(in_turn(reply))
    with pytest.raises(ExpiredError):
        await anext(wire.api.watch_jobs("ns", "", "5"))
    assert (len(wire.server.received), wire.pauses.seconds) == (1, [])


async def test_positions_that_always_expire_slow_the_caller_down(wired: Wire) -> None:
    wire = wired(lambda _: stream(failed(410)))
    for _ in range(5):
        with pytest.raises(ExpiredError):
            await anext(wire.api.watch_jobs("ns", "", "5"))
    assert wire.pauses.seconds == pytest.approx([0.2, 0.4, 0.8, 1.6])

    wire.server.script = in_turn(stream(job("a", 6), failed(410)))
    wire.pauses.seconds.clear()
    async with aclosing(wire.api.watch_jobs("ns", "", "5")) as watch:
        await anext(watch)
        with pytest.raises(ExpiredError):
            await anext(watch)
    assert wire.pauses.seconds == []


async def test_a_server_that_closes_at_once_is_asked_less_and_less_often(wired: Wire) -> None:
    wire = wired(in_turn(*[stream()] * 12, FORBIDDEN))
    await names(wire)
    assert wire.pauses.seconds[:5] == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])
    assert max(wire.pauses.seconds) == 30


async def test_bookmarks_that_do_not_move_are_not_progress(wired: Wire) -> None:
    wire = wired(in_turn(*[stream(bookmark(5))] * 3, FORBIDDEN))
    await names(wire)
    assert wire.pauses.seconds == pytest.approx([0.2, 0.4, 0.8])


async def test_backoff_starts_anew_after_an_event(wired: Wire) -> None:
    wire = wired(in_turn(stream(), stream(), stream(job("a", 6)), stream(), FORBIDDEN))
    await names(wire)
    assert wire.pauses.seconds == pytest.approx([0.2, 0.4, 0.2])


@pytest.mark.parametrize(
    ("reply", "seconds"),
    [
        (Reply(429, b"busy", {"retry-after": "4"}), 4),
        (stream(failed(429, details={"retryAfterSeconds": 4})), 4),
        (stream(failed(500)), 0.2),
        (stream(job("x", 6), failed(500)), 0.2),
        (refused(503), 0.2),
    ],
)
async def test_a_busy_server_is_given_time(wired: Wire, reply: Reply, seconds: float) -> None:
    wire = wired(in_turn(reply, stream(job("a", 7)), FORBIDDEN))
    assert (await names(wire))[-1] == "a"
    assert wire.pauses.seconds == pytest.approx([seconds])


async def test_a_lost_connection_is_opened_again(wired: Wire) -> None:
    lost = iter([True, True, False, False])
    replies = in_turn(stream(job("a", 6)), FORBIDDEN)

    def script(request: ReceivedRequest) -> Reply:
        if next(lost):
            raise NoAnswerError("refused")
        return replies(request)

    wire = wired(script)
    assert await names(wire) == ["a"]
    assert wire.pauses.seconds == pytest.approx([0.2, 0.4])


async def test_cancelling_closes_the_connection(wired: Wire) -> None:
    wire = wired(lambda _: stream(job("a", 6), end="silence"))
    first = asyncio.Event()

    async def follow() -> None:
        async for _ in wire.api.watch_jobs("ns", "", "5"):
            first.set()

    task = asyncio.create_task(follow())
    await first.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert [answer.closed for answer in wire.server.answers] == [True]


async def test_closing_the_watch_closes_the_connection(wired: Wire) -> None:
    wire = wired(lambda _: stream(job("a", 6), end="silence"))
    async with aclosing(wire.api.watch_jobs("ns", "", "5")) as watch:
        await anext(watch)
    assert [answer.closed for answer in wire.server.answers] == [True]


@pytest.fixture
async def impatient() -> AsyncIterator[Impatient]:
    """Watches over real sockets that take a short silence for a lost connection."""
    opened: list[HttpKubeApi] = []

    def watch(
        url: str, sleep: Callable[[float], Awaitable[None]]
    ) -> AsyncGenerator[JobEvent, None]:
        access = load(CONTEXT, kubeconfig(url))

        def transport(credential: Credential) -> HttpTransport:
            return HttpTransport(access, credential, connections=2)

        connection = Connection(access, credential_source(access), transport, user_agent="test")
        opened.append(HttpKubeApi(connection, Retry(sleep=sleep), idle_limit=0.5))
        return opened[-1].watch_jobs("ns", "a=b", "5")

    yield watch
    for api in opened:
        await api.aclose()


async def test_over_sockets_a_watch_survives_resets_and_half_open_connections(
    impatient: Impatient,
) -> None:
    half = msgspec.json.encode(job("c", 8))[:20]
    script = in_turn(
        stream(job("a", 6), half, end="reset"),
        stream(job("b", 7), end="silence"),
        stream(job("c", 8)),
        FORBIDDEN,
    )
    async with FakeServer(script) as server:
        seen = await events(impatient(server.url, Pauses()))
    assert [event.object.metadata.name for event in seen] == ["a", "b", "c"]
    assert [request.query["resourceVersion"] for request in server.received] == ["5", "6", "7", "8"]


async def test_over_sockets_a_watch_waits_for_a_server_to_come_back(impatient: Impatient) -> None:
    nobody_there = asyncio.Event()

    async def pause(_: float) -> None:
        nobody_there.set()
        await asyncio.sleep(0)

    async with FakeServer(in_turn(stream(job("a", 6), end="silence"))) as first:
        watch = impatient(first.url, pause)
        await anext(watch)
    waiting = asyncio.ensure_future(anext(watch))
    await nobody_there.wait()
    async with FakeServer(in_turn(stream(job("b", 7))), port=first.port):
        assert (await waiting).object.metadata.name == "b"
        await watch.aclose()


async def test_a_list_and_a_watch_fit_together(wired: Wire) -> None:
    listed = ok({"metadata": {"resourceVersion": "41"}, "items": [{"metadata": {"name": "a"}}]})
    wire = wired(in_turn(listed, stream(job("b", 42)), FORBIDDEN))
    jobs = await wire.api.list_jobs("ns", "a=b")
    assert [item.metadata.name for item in jobs.items] == ["a"]
    assert await names(wire, jobs.resource_version) == ["b"]
    assert wire.server.received[1].query["resourceVersion"] == "41"
