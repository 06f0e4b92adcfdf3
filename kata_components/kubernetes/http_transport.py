"""Sends requests over sockets: reuses connections, does TLS, goes through proxies."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.cluster_access import ClusterAccess
from kata_components.kubernetes.credentials import Credential
from kata_components.kubernetes.proxy import proxy_of
from kata_components.kubernetes.tls import tls_context
from kata_components.kubernetes.transport import Allowed, NoAnswerError, Request

_CONNECT_TIMEOUT: Final = 5.0
"""For connecting to the server or its proxy and for the TLS handshake, not for a proxy's answer."""
_KEEPALIVE_SECONDS: Final = 30.0
"""Idle connections are closed before load balancers (often 60 s) or the API server (90 s) do so."""


class HttpTransport:
    """A limited number of connections that present the certificate of one credential.

    Create and use it in one event loop.

    Raises:
        KubeconfigError: proxy, authority or certificate cannot be used, or (from `send`) a header
            cannot be sent.
    """

    def __init__(self, access: ClusterAccess, credential: Credential, *, connections: int) -> None:
        self._context = access.context
        self._server = access.cluster.server.rstrip("/")
        self._server_name = access.cluster.tls_server_name
        self._proxy = proxy_of(access)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls_context(access.cluster, credential),
                limit=connections,
                keepalive_timeout=_KEEPALIVE_SECONDS,
            ),
            middlewares=(self._once,),
            # The caller limits the time for an answer.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, request: Request) -> "_HttpAnswer":
        """Return the answer; see `Transport`."""
        with self._sendable(), _no_answer():
            response = await self._session.request(
                request.method,
                URL(self._server + request.path, encoded=True),
                headers=request.headers,
                data=None if request.body is None else _Body(request.body, request.allowed),
                proxy=self._proxy,
                server_hostname=self._server_name,
                allow_redirects=False,
            )
        return _HttpAnswer(response)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()

    @staticmethod
    async def _once(
        request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Keep the session from repeating a request without an answer: it may have taken effect."""
        with _no_answer():
            return await send(request)

    @contextmanager
    def _sendable(self) -> Iterator[None]:
        try:
            yield
        except ValueError:
            # Not quoted: it may be part of a secret.
            raise KubeconfigError(
                f'context "{self._context}" of the kubeconfig has a user to act as (`as`) or a '
                "proxy-url with characters that cannot be sent"
            ) from None


class _Body(aiohttp.BytesPayload):
    """A body that holds itself and the head of its request back if no longer allowed."""

    def __init__(self, content: bytes, allowed: Allowed) -> None:
        super().__init__(content)
        self._allowed = allowed

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        if not self._allowed():
            raise NoAnswerError("it was too late to send the request")
        await super().write_with_length(writer, content_length)


class _HttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    async def chunks(self) -> AsyncGenerator[bytes, None]:
        with _no_answer():
            async for chunk in self._response.content.iter_any():
                yield chunk

    def close(self) -> None:
        self._response.close()


@contextmanager
def _no_answer() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError) as error:
        reason = _reason(error)
        raise NoAnswerError(reason) from (None if reason else error)


def _reason(error: Exception) -> str:
    """Return the reason where the library's text misleads or quotes secrets, "" elsewhere."""
    match error:
        case aiohttp.ClientHttpProxyError():
            return f"the proxy answered {error.status} {error.message}"
        case aiohttp.ServerDisconnectedError():
            return "the connection was closed without an answer"
        case aiohttp.ClientPayloadError():
            return "the answer was cut off"
        case aiohttp.ClientResponseError():
            return f"the answer is not HTTP ({error.message})"
        case aiohttp.ClientConnectorError() if not (error.errno or error.strerror):
            return "the connection was closed during the TLS handshake"
        case _:
            return ""
