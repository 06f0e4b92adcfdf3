"""HTTP requests and answers as protocols, for `http_transport` over sockets and tests without.

Knows neither Kubernetes nor credentials.
"""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Allowed = Callable[[], bool]
"""Asked right before a write is sent: it may have waited long by then, and the machine slept."""


def always() -> bool:
    """Allow a write at any time."""
    return True


class NoAnswerError(Exception):
    """Raised when there is no complete answer: whether the request took effect is unknown.

    The cause says why.
    """


@dataclass(frozen=True, kw_only=True)
class Request:
    """One HTTP request."""

    method: str
    path: str
    """Begins with a slash and is already encoded."""
    headers: Sequence[tuple[str, str]]
    """Names may repeat."""
    body: bytes | None = None
    allowed: Allowed = always
    """Asked right before a body is sent."""


class Answer(Protocol):
    """An answer; `close` it if its body is not read to the end."""

    @property
    def status(self) -> int:
        """The HTTP status."""

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers, which lower-case names find."""

    def chunks(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it arrives; `NoAnswerError` if it breaks off."""

    def close(self) -> None:
        """Release the answer; its connection is closed, too, if the body is incomplete."""


class Transport(Protocol):
    """Sends requests to one server with one identity, each once."""

    async def send(self, request: Request) -> Answer:
        """Return the answer, whatever its status, as soon as its headers have arrived.

        Raises:
            NoAnswerError: there is none, or the request was no longer allowed and not sent.
        """

    async def aclose(self) -> None:
        """Close all connections."""
