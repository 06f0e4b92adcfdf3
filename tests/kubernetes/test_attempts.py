"""Reads are repeated, writes are not: the client does not guess whether a lost one was applied."""

from collections.abc import Callable

import pytest

from kata_components.errors import ApiError, UnreachableError
from kata_components.kubernetes.transport import NoAnswerError
from tests.kubernetes.fake_server import ReceivedRequest, Reply, Script, in_turn, ok, refused
from tests.kubernetes.support import Wired

pytestmark = pytest.mark.anyio

Wire = Callable[[Script], Wired]
EMPTY = ok({"metadata": {}, "items": []})


def status_429(seconds: str) -> Reply:
    return Reply(429, b"Too many requests", {"content-type": "text/plain", "retry-after": seconds})


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
async def test_reads_are_repeated_after_transient_failures(wired: Wire, status: int) -> None:
    wire = wired(in_turn(refused(status), EMPTY))
    assert await wire.api.list_nodes() == []
    assert wire.pauses.seconds == [0.2]


async def test_the_server_says_how_long_to_wait(wired: Wire) -> None:
    wire = wired(in_turn(status_429("3"), EMPTY))
    await wire.api.list_nodes()
    assert wire.pauses.seconds == [3.0]


async def test_reads_give_up_after_six_attempts(wired: Wire) -> None:
    def lose(_: ReceivedRequest) -> Reply:
        raise NoAnswerError("lost")

    wire = wired(lose)
    with pytest.raises(UnreachableError, match="lost"):
        await wire.api.list_nodes()
    assert len(wire.server.received) == 6
    assert wire.pauses.seconds == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2])


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 422])
async def test_reads_are_not_repeated_after_permanent_failures(wired: Wire, status: int) -> None:
    wire = wired(lambda _: refused(status))
    with pytest.raises(ApiError) as error:
        await wire.api.get_node("n")
    assert error.value.status == status
    assert len(wire.server.received) == 1


@pytest.mark.parametrize("reply", [refused(500), status_429("9"), refused(503)])
async def test_writes_are_one_attempt(wired: Wire, reply: Reply) -> None:
    wire = wired(lambda _: reply)
    with pytest.raises(ApiError) as error:
        await wire.api.create_job("ns", {})
    assert error.value.status == reply.status
    assert (len(wire.server.received), wire.pauses.seconds) == (1, [])


async def test_a_lost_write_is_unknown_and_not_repeated(wired: Wire) -> None:
    def lose(_: ReceivedRequest) -> Reply:
        raise NoAnswerError("Server disconnected without sending a response.")

    wire = wired(lose)
    with pytest.raises(UnreachableError, match="disconnected"):
        await wire.api.create_job("ns", {})
    assert len(wire.server.received) == 1


async def test_an_admission_denial_keeps_the_servers_words(wired: Wire) -> None:
    wire = wired(
        lambda _: refused(
            403, 'admission webhook "policy" denied the request: no hostPath', "Forbidden"
        )
    )
    with pytest.raises(
        ApiError, match=r"POST .*/jobs \(context \"prod\"\) .*403 Forbidden: .*no hostPath"
    ):
        await wire.api.create_job("ns", {})
