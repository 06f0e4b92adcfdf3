"""A scripted API server, over real sockets (`FakeServer`) or inside the process (`InProcess`).

Both take one function from requests to replies, and record the requests.
"""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Literal, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec

from kata_components.kubernetes.transport import NoAnswerError, Request


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    groups: tuple[str, ...] = ()
    """The values of `Impersonate-Group`, which may repeat."""

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)


End = Literal["close", "reset", "silence", "lost", "cut", "unanswered"]


@dataclass(frozen=True)
class Reply:
    """What the server answers."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    chunks: Sequence[bytes] | None = None
    """Makes it a stream."""
    end: End = "close"
    """How a stream ends: `close`, `reset` or `silence`.

    Over sockets also `cut` (the last chunk is shorter than announced); or, for any reply, `lost`
    (the connection is closed without a byte) and `unanswered` (it stays open without a byte).
    """


Script = Callable[[ReceivedRequest], Reply]


def ok(content: Any, status: int = 200) -> Reply:
    return Reply(status, msgspec.json.encode(content), {"content-type": "application/json"})


def refused(
    status: int, message: str = "", reason: str = "", headers: Mapping[str, str] | None = None
) -> Reply:
    content = {
        "kind": "Status",
        "status": "Failure",
        "message": message,
        "reason": reason,
        "code": status,
    }
    return Reply(
        status,
        msgspec.json.encode(content),
        {"content-type": "application/json", **(headers or {})},
    )


def stream(*events: Any, end: End = "close") -> Reply:
    """Return the reply to a watch; dicts become lines, bytes stay as they are."""
    lines = [
        event if isinstance(event, bytes) else msgspec.json.encode(event) + b"\n"
        for event in events
    ]
    return Reply(chunks=lines, end=end)


def in_turn(*replies: Reply) -> Script:
    """Answer each request with the next reply, and all further ones with the last."""
    left = list(replies)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


def _received(
    method: str, target: str, headers: Sequence[tuple[str, str]], body: bytes
) -> ReceivedRequest:
    url = urlsplit(target)
    named = [(name.lower(), value) for name, value in headers]
    groups = tuple(value for name, value in named if name == "impersonate-group")
    return ReceivedRequest(method, url.path, dict(parse_qsl(url.query)), dict(named), body, groups)


@dataclass
class InProcessAnswer:
    reply: Reply
    closed: bool = False

    def __post_init__(self) -> None:
        self.status = self.reply.status
        self.headers = self.reply.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        assert not self.closed, "a closed answer cannot be read"
        for chunk in (self.reply.body,) if self.reply.chunks is None else self.reply.chunks:
            yield chunk
        if self.reply.end == "reset":
            raise NoAnswerError("connection reset")
        if self.reply.end == "silence":
            await asyncio.Event().wait()

    def close(self) -> None:
        self.closed = True


class InProcess:
    """Answers requests of the real client without sockets."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.received: list[ReceivedRequest] = []
        self.answers: list[InProcessAnswer] = []

    async def send(self, request: Request) -> InProcessAnswer:
        await self.connect()
        if request.body is not None and not request.allowed():
            raise NoAnswerError("not sent")
        received = _received(request.method, request.path, request.headers, request.body or b"")
        self.received.append(received)
        self.answers.append(InProcessAnswer(self.script(received)))
        return self.answers[-1]

    async def connect(self) -> None:
        await asyncio.sleep(0)

    async def aclose(self) -> None:
        pass


class FakeServer:
    """Answers requests on a port of its own, with TLS if given a context."""

    def __init__(self, script: Script, tls: ssl.SSLContext | None = None, port: int = 0) -> None:
        self.script = script
        self.received: list[ReceivedRequest] = []
        self.peer_names: list[str | None] = []
        self.port = port
        self.connections = 0
        self._tls = tls
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, "127.0.0.1", self.port, ssl=self._tls
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        certificate = writer.get_extra_info("peercert") or {}
        subject = dict(pair for entry in certificate.get("subject", ()) for pair in entry)
        try:
            while True:
                request = await _read(reader)
                self.received.append(request)
                self.peer_names.append(subject.get("commonName"))
                await self.answer(self.script(request), writer)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            # Aborted, so as not to wait for a peer that is gone.
            writer.transport.abort()

    async def answer(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        """Write a reply; subclasses may know other kinds of it."""
        if reply.end == "lost":
            raise ConnectionResetError
        if reply.end == "unanswered":
            await asyncio.Event().wait()
        headers = dict(reply.headers)
        if reply.chunks is None:
            headers["content-length"] = str(len(reply.body))
        else:
            headers["transfer-encoding"] = "chunked"
        lines = [f"{name}: {value}\r\n" for name, value in headers.items()]
        head = f"HTTP/1.1 {reply.status} {HTTPStatus(reply.status).phrase}\r\n{''.join(lines)}\r\n"
        writer.write(head.encode() + (reply.body if reply.chunks is None else b""))
        for chunk in reply.chunks or ():
            writer.write(b"%x\r\n%b\r\n" % (len(chunk), chunk))
            await writer.drain()
        if reply.end == "cut":
            writer.write(b"ff\r\n{")
        if reply.end == "silence":
            await asyncio.Event().wait()
        if reply.end in {"reset", "cut"}:
            # Lets the written bytes go out before the connection breaks off.
            await asyncio.sleep(0.01)
            raise ConnectionResetError
        if reply.chunks is not None:
            writer.write(b"0\r\n\r\n")
        await writer.drain()


async def _read(reader: asyncio.StreamReader) -> ReceivedRequest:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = [(name, value.strip()) for name, _, value in (line.partition(":") for line in lines)]
    length = next((value for name, value in headers if name.lower() == "content-length"), "0")
    body = await reader.readexactly(int(length))
    method, target, _ = first.split(" ")
    return _received(method, target, headers, body)
