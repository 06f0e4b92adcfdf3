"""Sends requests to one API server: adds credentials and time limits, turns failures into errors.

Every request is one attempt, except that one whose credential is rejected (HTTP 401, so nothing was
applied) is repeated once with a new one. Knows no Kubernetes objects; retries and watches are built
on top of it.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from kata_components.errors import ApiError, KubeconfigError, UnreachableError
from kata_components.kubernetes import failures
from kata_components.kubernetes.cluster_access import ClusterAccess, User
from kata_components.kubernetes.credentials import Credential, CredentialSource
from kata_components.kubernetes.transport import (
    Allowed,
    Answer,
    NoAnswerError,
    Request,
    Transport,
    always,
)

REQUEST_TIMEOUT: Final = 60.0
"""Seconds until an answer begins, and between its chunks; the API server gives up after as many."""

_Headers = list[tuple[str, str]]

OpenTransport = Callable[[Credential], Transport]
"""Returns a transport whose connections present a credential's certificate."""


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request on the Kubernetes API."""

    method: str = "GET"
    path: str
    """Begins with a slash and includes the query."""
    body: bytes | None = None
    accept: str = "application/json"
    """The media type of the answer."""
    content_type: str = "application/json"
    """The media type of the body."""
    compressed: bool = True
    """Whether the answer may be compressed."""
    time_limit: float = REQUEST_TIMEOUT
    """Seconds until the answer begins, and between its chunks."""
    allowed: Allowed = always
    """Asked right before the body is sent; on False nothing is sent, which counts as no answer."""


class Connection:
    """Requests to the API server of one context; connects when first used."""

    def __init__(
        self,
        access: ClusterAccess,
        credentials: CredentialSource,
        open_transport: OpenTransport,
        *,
        user_agent: str,
    ) -> None:
        self.context = access.context
        self.server = access.cluster.server.rstrip("/")
        self._credentials = credentials
        self._open_transport = open_transport
        self._headers: _Headers = [("user-agent", user_agent), *_impersonation(access.user)]
        self._transports: dict[str, Transport] = {}
        self._worked = False

    async def send(self, call: Call) -> None:
        """Wait for the whole answer and discard it.

        Raises:
            ApiError, UnreachableError, KubeconfigError: like `request`.
        """
        async with self.stream(call, call.time_limit) as chunks:
            async for _ in chunks:
                pass

    async def request(self, call: Call) -> bytes:
        """Return the body of the answer.

        Raises:
            ApiError: the answer is an error.
            UnreachableError: there is no answer.
            KubeconfigError: there are no usable credentials or the server is not trusted, and no
                request has succeeded yet.
        """
        return await self._body(await self._answer(call), call.time_limit)

    @asynccontextmanager
    async def stream(self, call: Call, idle_limit: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an endless answer and yield its chunks; `idle_limit` silent seconds end it.

        Raises:
            ApiError, UnreachableError, KubeconfigError: like `request`; `UnreachableError` also
                while reading.
        """
        answer = await self._answer(call)
        try:
            async with aclosing(self._chunks(answer, idle_limit)) as chunks:
                yield chunks
        finally:
            answer.close()

    async def aclose(self) -> None:
        """Close all connections and cancel a login in progress."""
        await self._credentials.aclose()
        for transport in self._transports.values():
            await transport.aclose()
        self._transports.clear()

    async def _answer(self, call: Call) -> Answer:
        """Return an answer that is not an error, with its body unread.

        Access that worked before and now fails is an outage, not a wrong kubeconfig: a plugin has
        no network when a laptop wakes up, a captive portal answers instead of the server, a token
        file is being replaced.
        """
        try:
            answer = await self._good_answer(call)
        except KubeconfigError as error:
            if not self._worked:
                raise
            raise UnreachableError(
                f"access to the API server, which has worked until now, is lost: {error}"
            ) from error
        self._worked = True
        return answer

    async def _good_answer(self, call: Call) -> Answer:
        credential = await self._credentials.current()
        answer = await self._send(call, credential)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            # Read instead of closed, so that the connection can be reused.
            await self._body(answer, call.time_limit)
            renewed = await self._credentials.renewed(credential)
            if renewed is credential:
                raise self._unauthorized()
            credential = renewed
            answer = await self._send(call, credential)
        if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
            return answer
        raise await self._refusal(call, answer, credential)

    async def _send(self, call: Call, credential: Credential) -> Answer:
        transport = self._transport(credential)
        headers = [
            *self._headers,
            ("accept", call.accept),
            ("accept-encoding", "gzip" if call.compressed else "identity"),
        ]
        if call.body is not None:
            headers.append(("content-type", call.content_type))
        if credential.authorization:
            headers.append(("authorization", credential.authorization))
        request = Request(
            method=call.method,
            path=call.path,
            headers=headers,
            body=call.body,
            allowed=call.allowed,
        )
        try:
            async with asyncio.timeout(call.time_limit):
                return await transport.send(request)
        except (NoAnswerError, TimeoutError) as error:
            raise failures.no_answer(self.context, self.server, error) from error

    async def _body(self, answer: Answer, idle_limit: float) -> bytes:
        # Only silence is limited: a page of nodes takes minutes over a slow VPN.
        try:
            async with aclosing(self._chunks(answer, idle_limit)) as chunks:
                return b"".join([chunk async for chunk in chunks])
        finally:
            answer.close()

    async def _chunks(self, answer: Answer, idle_limit: float) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(answer.chunks()) as chunks:
                while True:
                    async with asyncio.timeout(idle_limit):
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        return
                    yield chunk
        except (NoAnswerError, TimeoutError) as error:
            raise failures.no_answer(self.context, self.server, error) from error

    async def _refusal(self, call: Call, answer: Answer, credential: Credential) -> ApiError:
        body = await self._body(answer, call.time_limit)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            return self._unauthorized()
        if credential.authorization:
            # A proxy's error page may quote the request.
            secret = credential.authorization.partition(" ")[2]
            body = body.replace(secret.encode(), b"***")
        request = f'{call.method} {call.path.partition("?")[0]} (context "{self.context}")'
        return failures.api_error(request, answer.status, answer.headers, body)

    def _unauthorized(self) -> ApiError:
        return failures.unauthorized(self.context, self.server, self._credentials.hint)

    def _transport(self, credential: Credential) -> Transport:
        """Return the transport that presents the credential's certificate.

        A renewed certificate gets a new one: open connections keep their identity, and closing them
        would lose answers in flight.
        """
        transport = self._transports.get(credential.certificate)
        if transport is None:
            transport = self._transports[credential.certificate] = self._open_transport(credential)
        return transport


def _impersonation(user: User) -> _Headers:
    """Return the headers for acting as another user, as with kubectl's `--as`."""
    if not user.impersonate:
        return []
    headers = [("Impersonate-User", user.impersonate)]
    headers += [("Impersonate-Group", group) for group in user.impersonate_groups or []]
    if user.impersonate_uid:
        headers.append(("Impersonate-Uid", user.impersonate_uid))
    for key, values in (user.impersonate_extra or {}).items():
        # In lower case, as the API server reads them: of two that differ only in case, one would
        # replace the other.
        headers += [(f"Impersonate-Extra-{key.lower()}", value) for value in values]
    return headers
