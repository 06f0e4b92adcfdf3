"""What only shows over sockets: connections shared by many calls, compression, paths, repeated headers."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from kata_components.errors import UnreachableError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from tests.kubernetes.fake_server import Asked, FakeServer, Reply, in_turn, ok
from tests.kubernetes.support import Opened, Pauses, kubeconfig

pytestmark = pytest.mark.anyio

NO_NODES: dict[str, Any] = {"metadata": {}, "items": []}


async def test_requests_say_who_asks_and_take_compressed_answers(opened: Opened) -> None:
    body = gzip.compress(msgspec.json.encode(NO_NODES))
    async with FakeServer(in_turn(Reply(body=body, headers={"Content-Encoding": "gzip"}))) as server:
        assert await opened(kubeconfig(server.url)).list_nodes() == []
    assert server.asked[0].headers["accept-encoding"] == "gzip"
    assert server.asked[0].headers["user-agent"].startswith("kata-deploy-pulumi/")


async def test_a_path_in_the_server_url_is_kept_and_the_query_arrives_as_meant(opened: Opened) -> None:
    async with FakeServer(in_turn(ok(NO_NODES))) as server:
        await opened(kubeconfig(f"{server.url}/k8s/clusters/c-1/")).list_nodes("zone in (a,b),!x+y,c=d/e")
    assert server.asked[0].path == "/k8s/clusters/c-1/api/v1/nodes"
    assert server.asked[0].query["labelSelector"] == "zone in (a,b),!x+y,c=d/e"


async def test_many_calls_share_few_connections_and_lose_nothing(opened: Opened) -> None:
    async with FakeServer(lambda asked: ok(asked.json, 201)) as server:
        api = opened(kubeconfig(server.url))
        names = [f"j{number}" for number in range(5 * CALLS_AT_ONCE)]
        made = await asyncio.gather(*(api.create_job("ns", {"metadata": {"name": name}}) for name in names))
    assert [job.metadata.name for job in made] == names
    assert server.connections <= CALLS_AT_ONCE + 4


async def test_a_connection_that_the_server_closed_meanwhile_is_no_failure_of_a_read(opened: Opened) -> None:
    pauses = Pauses()
    async with FakeServer(in_turn(ok(NO_NODES))) as first:
        api = opened(kubeconfig(first.url), sleep=pauses)
        await api.list_nodes()
    async with FakeServer(in_turn(ok(NO_NODES)), port=first.port):
        assert await api.list_nodes() == []
    assert pauses.seconds == []


@pytest.mark.parametrize(
    "ask",
    [
        lambda api: api.get_lease("ns", "l"),
        lambda api: api.replace_lease("ns", "l", {}),
        lambda api: api.list_jobs("ns", "a=b"),
    ],
    ids=["get-lease", "replace-lease", "list"],
)
async def test_writes_that_hang_hold_nothing_else_up(
    opened: Opened, ask: Callable[[KubeApi], Awaitable[object]]
) -> None:
    """An admission webhook that does not answer keeps creates waiting for many seconds."""

    all_hang = asyncio.Event()

    def script(asked: Asked) -> Reply:
        if len(server.asked) == CALLS_AT_ONCE:
            all_hang.set()
        return Reply(end="unanswered") if asked.method == "POST" else ok({"metadata": {"name": "l"}, "items": []})

    async with FakeServer(script) as server, asyncio.timeout(5):
        api = opened(kubeconfig(server.url))
        writes = [asyncio.ensure_future(api.create_job("ns", {})) for _ in range(CALLS_AT_ONCE)]
        await all_hang.wait()
        await ask(api)
        for write in writes:
            write.cancel()
        await asyncio.gather(*writes, return_exceptions=True)


async def test_an_answer_that_breaks_off_is_unreachable_not_short(opened: Opened) -> None:
    async with FakeServer(in_turn(Reply(chunks=[b'{"metadata":'], end="cut"))) as server:
        with pytest.raises(UnreachableError, match="gave no answer"):
            await opened(kubeconfig(server.url)).replace_lease("ns", "l", {})
