"""One HTTP request and its answer, as protocols: `http_transport` has them over sockets, tests inside the process.

Knows no Kubernetes and no credential; what a missing answer means to the caller is the caller's.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Allowed = Callable[[], bool]
"""Asked right before the bytes of a write go out: by then it may have waited for long, and the
machine slept."""


def always() -> bool:
    """Return that a write may go out whenever it can."""
    return True


class NoAnswerError(Exception):
    """There is no (complete) answer: whether the request was carried out is not known.

    The cause says why.
    """


@dataclass(frozen=True, kw_only=True)
class Request:
    """A request; `path` begins with a slash and is encoded already, a header may be there more than once.

    One with a body is only sent if it is `allowed` at that moment.
    """

    method: str
    path: str
    headers: Sequence[tuple[str, str]]
    body: bytes | None = None
    allowed: Allowed = always


class Answer(Protocol):
    """What came back; `close` it when its body is not read to the end."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers; lower-case names find them."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; `NoAnswerError` when it breaks off."""

    def close(self) -> None:
        """Let go of an answer; its connection is closed, too, when there is more to come."""


class Transport(Protocol):
    """Requests to one server with one identity. A request is sent once."""

    async def send(self, request: Request) -> Answer:
        """Return the answer, whatever its status, as soon as its headers are there.

        Raises:
            NoAnswerError: there is none, or the request was not allowed any more and not sent.
        """

    async def aclose(self) -> None:
        """Close all connections."""
