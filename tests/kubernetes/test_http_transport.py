"""What shows only over sockets: shared connections, compression, paths, repeated headers."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from kata_components.errors import KubeconfigError, UnreachableError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from tests.kubernetes.fake_server import FakeServer, InProcess, ReceivedRequest, Reply, in_turn, ok
from tests.kubernetes.support import Opened, Pauses, kubeconfig

pytestmark = pytest.mark.anyio

NO_NODES: dict[str, Any] = {"metadata": {}, "items": []}


async def test_requests_say_who_asks_and_take_compressed_answers(opened: Opened) -> None:
    body = gzip.compress(msgspec.json.encode(NO_NODES))
    async with FakeServer(
        in_turn(Reply(body=body, headers={"Content-Encoding": "gzip"}))
    ) as server:
        assert await opened(kubeconfig(server.url)).list_nodes() == []
    assert server.received[0].headers["accept-encoding"] == "gzip"
    assert server.received[0].headers["user-agent"].startswith("kata-deploy-pulumi/")


async def test_a_path_in_the_server_url_is_kept_and_the_query_arrives_as_meant(
    opened: Opened,
) -> None:
    async with FakeServer(in_turn(ok(NO_NODES))) as server:
        await opened(kubeconfig(f"{server.url}/k8s/clusters/c-1/")).list_nodes(
            "zone in (a,b),!x+y,c=d/e"
        )
    assert server.received[0].path == "/k8s/clusters/c-1/api/v1/nodes"
    assert server.received[0].query["labelSelector"] == "zone in (a,b),!x+y,c=d/e"


async def test_many_calls_share_few_connections_and_lose_nothing(opened: Opened) -> None:
    async with FakeServer(lambda request: ok(request.json, 201)) as server:
        api = opened(kubeconfig(server.url))
        names = [f"j{number}" for number in range(5 * CALLS_AT_ONCE)]
        made = await asyncio.gather(
            *(api.create_job("ns", {"metadata": {"name": name}}) for name in names)
        )
    assert [job.metadata.name for job in made] == names
    assert server.connections <= CALLS_AT_ONCE + 4


async def test_a_connection_that_the_server_closed_meanwhile_is_replaced(opened: Opened) -> None:
    pauses = Pauses()
    async with FakeServer(in_turn(ok(NO_NODES))) as first:
        api = opened(kubeconfig(first.url), sleep=pauses)
        await api.list_nodes()
    async with FakeServer(in_turn(ok(NO_NODES)), port=first.port):
        assert await api.list_nodes() == []
    assert pauses.seconds == []


async def test_acting_as_another_user_sends_every_group_and_every_extra(opened: Opened) -> None:
    user = {"as": "ann", "as-groups": ["ops", "dev"], "as-user-extra": {"Reason": ["r"]}}
    async with FakeServer(in_turn(ok(NO_NODES))) as server:
        await opened(kubeconfig(server.url, user)).list_nodes()
    assert server.received[0].groups == ("ops", "dev")
    assert server.received[0].headers["impersonate-extra-reason"] == "r"


@pytest.mark.parametrize(
    ("user", "cluster"),
    [({"as": "ann\n"}, {}), ({}, {"proxy-url": "http://ann:%E2%82%AC@127.0.0.1:{port}"})],
)
async def test_headers_that_cannot_be_sent_are_an_error_of_the_kubeconfig(
    opened: Opened, user: dict[str, str], cluster: dict[str, str]
) -> None:
    async with FakeServer(in_turn(ok(NO_NODES))) as server:
        more = {key: value.format(port=server.port) for key, value in cluster.items()}
        with pytest.raises(
            KubeconfigError, match=r"has a user to act as .* characters that cannot be sent"
        ):
            await opened(kubeconfig(server.url, user, more)).list_nodes()
    assert server.received == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.get_lease("ns", "l"),
        lambda api: api.replace_lease("ns", "l", {}),
        lambda api: api.list_jobs("ns", "a=b"),
    ],
    ids=["get-lease", "replace-lease", "list"],
)
async def test_writes_that_hang_do_not_hold_up_anything_else(
    opened: Opened, ask: Callable[[KubeApi], Awaitable[object]]
) -> None:
    """An admission webhook that does not answer delays creates by many seconds."""

    all_hang = asyncio.Event()

    def script(request: ReceivedRequest) -> Reply:
        if len(server.received) == CALLS_AT_ONCE:
            all_hang.set()
        return (
            Reply(end="unanswered")
            if request.method == "POST"
            else ok({"metadata": {"name": "l"}, "items": []})
        )

    async with FakeServer(script) as server, asyncio.timeout(5):
        api = opened(kubeconfig(server.url))
        writes = [asyncio.ensure_future(api.create_job("ns", {})) for _ in range(CALLS_AT_ONCE)]
        await all_hang.wait()
        await ask(api)
        for write in writes:
            write.cancel()
        await asyncio.gather(*writes, return_exceptions=True)


async def test_a_write_that_is_no_longer_allowed_once_connected_is_not_sent(
    opened: Opened,
) -> None:
    connected: list[int] = []

    def not_now() -> bool:
        connected.append(server.connections)
        return False

    async with FakeServer(lambda request: ok(request.json or NO_NODES, 201)) as server:
        api = opened(kubeconfig(server.url))
        with (
            api.writing_while(not_now),
            pytest.raises(UnreachableError, match="it was too late to send the request"),
        ):
            await api.create_job("ns", {"metadata": {"name": "j"}})
        assert (len(connected), server.received) == (1, [])
        with api.writing_while(lambda: True):
            await api.create_job("ns", {"metadata": {"name": "j"}})
    assert [request.method for request in server.received] == ["POST"]


@pytest.mark.parametrize(
    "write",
    [
        lambda api: api.create_job("ns", {}),
        lambda api: api.delete_job("ns", "j", "u"),
        lambda api: api.delete_jobs("ns", "a=b"),
        lambda api: api.patch_node("n", "u"),
        lambda api: api.patch_metadata("v1", "configmaps", "ns", "c", {}),
    ],
    ids=["create-job", "delete-job", "delete-jobs", "annotate-node", "patch-metadata"],
)
async def test_every_write_is_held_back_except_that_of_a_lease(
    opened: Opened, write: Callable[[KubeApi], Awaitable[object]]
) -> None:
    server = InProcess(lambda _: ok({"metadata": {"name": "l"}, "items": []}))
    api = opened(kubeconfig(), transport=server)
    with api.writing_while(lambda: False):
        with pytest.raises(UnreachableError):
            await write(api)
        await api.replace_lease("ns", "l", {})
        await api.list_nodes()
    assert [request.method for request in server.received] == ["PUT", "GET"]


async def answering(text: bytes, url: str, opened: Opened, proxy: str = "") -> str:
    """Return the reason for no answer when every connection is answered with `text`."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1000)
        writer.write(text)
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    more: dict[str, Any] = {"insecure-skip-tls-verify": True} if url.startswith("https") else {}
    more |= {"proxy-url": proxy.format(port=port)} if proxy else {}
    async with server:
        with pytest.raises(UnreachableError) as error:
            await opened(kubeconfig(url.format(port=port), more=more), sleep=Pauses()).list_nodes()
    return str(error.value).partition("did not answer: ")[2].partition(". Is the VPN up")[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "the connection was closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nX-Secret: s3c", "the connection was closed without an answer"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{", "the answer was cut off"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP (Bad status line"),
    ],
)
async def test_a_missing_answer_is_explained_without_misleading(
    opened: Opened, text: bytes, words: str
) -> None:
    reason = await answering(text, "http://127.0.0.1:{port}", opened)
    assert reason.startswith(words)
    assert "s3c" not in reason


async def test_a_connection_closed_during_the_tls_handshake_is_explained(opened: Opened) -> None:
    reason = await answering(b"", "https://127.0.0.1:{port}", opened)
    assert reason == "the connection was closed during the TLS handshake"


async def test_a_proxy_that_refuses_is_explained_without_its_password(opened: Opened) -> None:
    refusal = b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n"
    reason = await answering(
        refusal, "https://api.internal", opened, proxy="http://ann:s3cr3t@127.0.0.1:{port}"
    )
    assert reason == "the proxy answered 407 Proxy Authentication Required"
