"""A silent API server is given up after a minute for each request, however many a fleet needs."""

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any

import msgspec
import pytest

from kata_components.errors import UnreachableError
from kata_components.kubernetes.connect import connect
from kata_components.kubernetes.transport import Request
from tests.kubernetes.support import CONTEXT, kubeconfig
from tests.model.virtual_loop import now, simulate


@dataclass
class SlowAnswer:
    """A body in pieces, with a pause before each."""

    pieces: list[bytes]
    pause: float
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        for piece in self.pieces:
            await asyncio.sleep(self.pause)
            yield piece

    def close(self) -> None:
        pass


@dataclass
class SlowServer:
    """Answers with pages of nodes, each in ten pieces, after `begins` seconds."""

    pages: int = 1
    begins: float = 0.0
    pause: float = 0.0
    asked: int = 0

    async def send(self, _: Request) -> SlowAnswer:
        self.asked += 1
        await asyncio.sleep(self.begins)
        more = {"continue": f"{self.asked}"} if self.asked < self.pages else {}
        content = {"metadata": more, "items": [{"metadata": {"name": f"node-{self.asked}"}}]}
        body = msgspec.json.encode(content).ljust(1000)
        return SlowAnswer([body[at : at + 100] for at in range(0, 1000, 100)], self.pause)

    async def aclose(self) -> None:
        pass


def listed(server: SlowServer) -> Any:
    async def nodes() -> Any:
        api = connect(CONTEXT, kubeconfig(), uniform=lambda: 1.0, transport=server)
        try:
            return [node.metadata.name for node in await api.list_nodes()], now()
        except UnreachableError as error:
            return str(error), now()
        finally:
            await api.aclose()

    return simulate(nodes())


def test_slow_pages_are_waited_for_while_they_keep_coming() -> None:
    found, end = listed(SlowServer(pages=20, begins=20.0, pause=5.0))
    assert len(found) == 20
    assert end > 1000.0
    assert listed(SlowServer(pause=50.0))[0] == ["node-1"]


@pytest.mark.parametrize("silent", [SlowServer(begins=1e6), SlowServer(pause=1e6)])
def test_a_silent_server_is_given_up_after_a_minute(silent: SlowServer) -> None:
    message, end = listed(silent)
    assert "did not answer: timed out" in message
    assert end == 60.0
    assert silent.asked == 1
