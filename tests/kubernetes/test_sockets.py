"""Faults of real connections: lost answers, cut chunks, expired watches, overload."""

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from kata_components.errors import ApiError, ExpiredError, UnreachableError
from kata_components.kubernetes.client import HttpKubeApi
from kata_components.kubernetes.objects import JobEvent
from tests.kubernetes.fake_server import FakeServer, Reply, in_turn, ok, refused, stream
from tests.kubernetes.support import Opened, Pauses, kubeconfig
from tests.kubernetes.test_watch import bookmark, failed, job

pytestmark = pytest.mark.anyio

OVERLOAD = Reply(
    429,
    b"Too many requests, please try again later.",
    {"content-type": "text/plain", "retry-after": "3"},
)


async def first(watch: AsyncIterator[JobEvent]) -> str:
    return (await anext(watch)).object.metadata.name


WRITES: dict[str, Callable[[HttpKubeApi], Awaitable[object]]] = {
    "POST": lambda api: api.create_job("ns", {"kind": "Job"}),
    "PATCH": lambda api: api.patch_node("n", "uid"),
    "PUT": lambda api: api.replace_lease("ns", "l", {}),
    "DELETE": lambda api: api.delete_job("ns", "j", "uid"),
    "DELETE all": lambda api: api.delete_jobs("ns", "a=b"),
}


@pytest.mark.parametrize("write", WRITES)
async def test_a_write_whose_answer_is_lost_is_sent_once_and_its_effect_unknown(
    opened: Opened, write: str
) -> None:
    lost = Reply(end="lost")
    async with FakeServer(in_turn(ok({"metadata": {}, "items": []}), lost)) as server:
        api = opened(kubeconfig(server.url))
        await api.list_nodes()
        with pytest.raises(
            UnreachableError, match="did not answer: the connection was closed without an answer"
        ):
            await WRITES[write](api)
        with pytest.raises(UnreachableError, match="did not answer"):
            await WRITES[write](api)
    method = write.removesuffix(" all")
    assert [request.method for request in server.received[1:]] == [method, method], (
        "on a kept connection and on a new one"
    )


async def test_a_read_whose_answer_is_lost_is_repeated(opened: Opened) -> None:
    listed = ok({"metadata": {}, "items": [{"metadata": {"name": "a"}}]})
    async with FakeServer(
        in_turn(Reply(end="lost"), Reply(chunks=[b'{"metadata"'], end="cut"), listed)
    ) as server:
        nodes = await opened(kubeconfig(server.url), sleep=Pauses()).list_nodes()
    assert [node.metadata.name for node in nodes] == ["a"]
    assert len(server.received) == 3


async def test_an_overloaded_server_is_given_the_time_it_asks_for(opened: Opened) -> None:
    pauses = Pauses()
    async with FakeServer(in_turn(OVERLOAD, ok({"metadata": {}, "items": []}), OVERLOAD)) as server:
        api = opened(kubeconfig(server.url), sleep=pauses)
        assert await api.list_nodes() == []
        with pytest.raises(ApiError, match="Too many requests") as refusal:
            await api.create_job("ns", {"kind": "Job"})
    assert pauses.seconds == [3.0]
    assert (refusal.value.status, refusal.value.retry_after) == (429, 3.0), (
        "the pacer waits, not the client"
    )


@pytest.mark.parametrize("expired", [refused(410, "too old"), stream(failed(410))])
async def test_an_expired_watch_asks_for_a_list_however_it_is_reported(
    opened: Opened, expired: Reply
) -> None:
    async with FakeServer(in_turn(stream(bookmark(9)), expired)) as server:
        watch = opened(kubeconfig(server.url), sleep=Pauses()).watch_jobs("ns", "a=b", "5")
        with pytest.raises(ExpiredError):
            await first(watch)
    assert [request.query["resourceVersion"] for request in server.received] == ["5", "9"]


async def test_a_watch_whose_chunk_is_cut_continues_after_the_last_whole_event(
    opened: Opened,
) -> None:
    async with FakeServer(
        in_turn(stream(job("a", 6), end="cut"), stream(job("b", 7), end="silence"))
    ) as server:
        watch = opened(kubeconfig(server.url), sleep=Pauses()).watch_jobs("ns", "a=b", "5")
        assert [await first(watch), await first(watch)] == ["a", "b"]
        await watch.aclose()
    assert [request.query["resourceVersion"] for request in server.received] == ["5", "6"]


async def test_a_credential_that_stays_rejected_is_explained(opened: Opened) -> None:
    async with FakeServer(
        in_turn(ok({"metadata": {}, "items": []}), refused(401, "Unauthorized"))
    ) as server:
        api = opened(kubeconfig(server.url, {"token": "old"}))
        await api.list_nodes()
        with pytest.raises(
            ApiError,
            match=r"the credential of context .prod. expired or was rejected .*log in again",
        ):
            await api.list_nodes()
    assert (len(server.received), server.connections) == (2, 1)
