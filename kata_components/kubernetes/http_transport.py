"""Requests over sockets: connections that are kept and used again, TLS, proxy."""

from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Final

import aiohttp
from yarl import URL

from kata_components.kubernetes.auth import Credential
from kata_components.kubernetes.kubeconfig import Target
from kata_components.kubernetes.proxy import proxy_of
from kata_components.kubernetes.tls import tls_context
from kata_components.kubernetes.transport import NoAnswerError, Request

_CONNECT_TIMEOUT: Final = 5.0
_KEEPALIVE_SECONDS: Final = 30.0
"""Idle connections are dropped before common load balancers (60 s) and the API server (90 s) drop them."""


class HttpTransport:
    """Connections to the API server of a target, at most so many, that present the certificate of a credential.

    To be made and used inside one event loop. A GET, PUT or DELETE whose kept connection turns out to be closed is
    sent once more on a new one; all of ours may be repeated, since those that write name a UID or a version.

    Raises:
        KubeconfigError: proxy, authority or certificate cannot be used.
    """

    def __init__(self, target: Target, credential: Credential, *, connections: int) -> None:
        self._server = target.cluster.server.rstrip("/")
        self._server_name = target.cluster.tls_server_name
        self._proxy = proxy_of(target)
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                ssl=tls_context(target.cluster, credential),
                limit=connections,
                keepalive_timeout=_KEEPALIVE_SECONDS,
            ),
            # How long an answer may take is the caller's.
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT),
            cookie_jar=aiohttp.DummyCookieJar(),
        )

    async def send(self, request: Request) -> "_HttpAnswer":
        """Return the answer; see `Transport`."""
        with _no_answer():
            response = await self._session.request(
                request.method,
                URL(self._server + request.path, encoded=True),
                headers=request.headers,
                data=request.body,
                proxy=self._proxy,
                server_hostname=self._server_name,
                allow_redirects=False,
            )
        return _HttpAnswer(response)

    async def aclose(self) -> None:
        """Close all connections."""
        await self._session.close()


class _HttpAnswer:
    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response = response
        self.status = response.status
        self.headers = response.headers

    async def read(self) -> bytes:
        with _no_answer():
            return await self._response.read()

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
        raise NoAnswerError from error
