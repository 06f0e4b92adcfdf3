"""Sends requests to one API server: TLS, proxy, credentials, and what a missing or refusing answer means.

Every request is one attempt, but for one repetition with a new credential when the first was rejected (HTTP 401, so
nothing was applied). Knows no Kubernetes object; retries and watches are built on top of it.
"""

import asyncio
import ssl
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx2

from kata_components.errors import ApiError, KubeconfigError
from kata_components.kubernetes import failures
from kata_components.kubernetes.auth import Credential, CredentialSource, pem
from kata_components.kubernetes.kubeconfig import Cluster, Target, User

REQUEST_TIMEOUT: Final = 60.0
"""Seconds for a whole answer; the API server gives up on a request after as many."""

_CONNECT_TIMEOUT: Final = 5.0
_KEEPALIVE_SECONDS: Final = 30.0
"""Idle connections are dropped before common load balancers (60 s) and the API server (90 s) drop them."""
_IDLE_CONNECTIONS: Final = 12
"""Kept open: the pool looks at each idle connection on every request, so many of them cost more than they save."""
_SPARE_CONNECTIONS: Final = 4
"""Beside the callers' own: watch, Lease, progress."""

_RawHeaders = list[tuple[bytes, bytes]]


@dataclass(frozen=True, kw_only=True)
class Call:
    """One request: `path` begins with a slash and includes the query; `accept` and `content_type` are media types."""

    method: str = "GET"
    path: str
    body: bytes | None = None
    accept: str = "application/json"
    content_type: str = "application/json"
    compressed: bool = True
    time_limit: float = REQUEST_TIMEOUT


class Connection:
    """The connections to the API server of one context, opened when first used."""

    def __init__(
        self,
        target: Target,
        credentials: CredentialSource,
        *,
        concurrency: int,
        user_agent: str,
        transport: httpx2.AsyncBaseTransport | None = None,
    ) -> None:
        self.context = target.context
        self.server = target.cluster.server.rstrip("/")
        self._cluster = target.cluster
        self._credentials = credentials
        self._transport = transport
        self._connections = concurrency + _SPARE_CONNECTIONS
        self._headers: _RawHeaders = [(b"user-agent", user_agent.encode()), *_impersonation(target.user)]
        self._clients: dict[str, httpx2.AsyncClient] = {}
        sni = target.cluster.tls_server_name
        self._extensions = {"sni_hostname": sni} if sni else {}

    async def send(self, call: Call) -> None:
        """Wait for the end of an answer that is of no use, without keeping it.

        Raises:
            ApiError, UnreachableError, KubeconfigError: as `request`.
        """
        async with self.stream(call, call.time_limit) as chunks:
            async for _ in chunks:
                pass

    async def request(self, call: Call) -> bytes:
        """Return the body of the answer.

        Raises:
            ApiError: the answer is an error.
            UnreachableError: there is no answer.
            KubeconfigError: there are no usable credentials, or the server is not the one that is trusted.
        """
        response = await self._answer(call)
        return await self._body(response, call.time_limit)

    @asynccontextmanager
    async def stream(self, call: Call, idle_limit: float) -> AsyncIterator[AsyncIterator[bytes]]:
        """Open an answer without end and give its chunks; `idle_limit` seconds without one count as no answer.

        Raises:
            ApiError, UnreachableError, KubeconfigError: as `request`; `UnreachableError` also while reading.
        """
        response = await self._answer(call)
        try:
            async with aclosing(self._chunks(response, idle_limit)) as chunks:
                yield chunks
        finally:
            await response.aclose()

    async def aclose(self) -> None:
        """Close all connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _answer(self, call: Call) -> httpx2.Response:
        """Return an answer that is not an error, its body unread."""
        credential = await self._credentials.current()
        response = await self._send(call, credential)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            # Read, not closed, so that the connection can be used again.
            await self._body(response, call.time_limit)
            renewed = await self._credentials.renewed(credential)
            if renewed is not credential:
                credential = renewed
                response = await self._send(call, credential)
        if response.is_success:
            return response
        raise await self._refusal(call, response, credential)

    async def _send(self, call: Call, credential: Credential) -> httpx2.Response:
        client = self._client(credential)
        headers = [*self._headers, (b"accept", call.accept.encode())]
        if call.compressed:
            headers.append((b"accept-encoding", b"gzip"))
        if call.body is not None:
            headers.append((b"content-type", call.content_type.encode()))
        if credential.authorization:
            headers.append((b"authorization", credential.authorization.encode()))
        # Built directly, not by the client, which would merge URLs, headers and cookies each time.
        request = httpx2.Request(
            call.method, self.server + call.path, headers=headers, content=call.body, extensions=dict(self._extensions)
        )
        try:
            async with asyncio.timeout(call.time_limit):
                return await client.send(request, stream=True)
        except (httpx2.RequestError, OSError) as error:
            raise failures.no_answer(self.context, self.server, error) from error

    async def _body(self, response: httpx2.Response, time_limit: float) -> bytes:
        try:
            async with asyncio.timeout(time_limit):
                return await response.aread()
        except (httpx2.RequestError, OSError) as error:
            raise failures.no_answer(self.context, self.server, error) from error
        finally:
            await response.aclose()

    async def _chunks(self, response: httpx2.Response, idle_limit: float) -> AsyncGenerator[bytes, None]:
        try:
            async with aclosing(response.aiter_bytes()) as chunks:
                while True:
                    async with asyncio.timeout(idle_limit):
                        chunk = await anext(chunks, None)
                    if chunk is None:
                        return
                    yield chunk
        except (httpx2.RequestError, OSError) as error:
            raise failures.no_answer(self.context, self.server, error) from error

    async def _refusal(self, call: Call, response: httpx2.Response, credential: Credential) -> ApiError:
        body = await self._body(response, call.time_limit)
        if response.status_code == HTTPStatus.UNAUTHORIZED:
            return failures.unauthorized(self.context, self.server, self._credentials.hint)
        if credential.authorization:
            # A proxy's error page may show the request it got.
            secret = credential.authorization.partition(" ")[2]
            body = body.replace(secret.encode(), b"***")
        request = f'{call.method} {call.path.partition("?")[0]} (context "{self.context}")'
        return failures.api_error(request, response.status_code, response.headers, body)

    def _client(self, credential: Credential) -> httpx2.AsyncClient:
        """Return the client that presents the credential's certificate.

        A renewed certificate gets a client of its own: open connections keep the identity they began with, and closing
        them would lose the answers that are under way.
        """
        client = self._clients.get(credential.certificate)
        if client is None:
            client = self._clients[credential.certificate] = self._new_client(credential)
        return client

    def _new_client(self, credential: Credential) -> httpx2.AsyncClient:
        limits = httpx2.Limits(
            max_connections=self._connections,
            max_keepalive_connections=_IDLE_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_SECONDS,
        )
        timeout = httpx2.Timeout(None, connect=_CONNECT_TIMEOUT)
        if self._transport is not None:
            return httpx2.AsyncClient(transport=self._transport, timeout=timeout)
        try:
            return httpx2.AsyncClient(
                verify=tls_context(self._cluster, credential),
                proxy=self._cluster.proxy_url,
                limits=limits,
                timeout=timeout,
                trust_env=not _is_loopback(self.server),
            )
        except (ImportError, ValueError, httpx2.InvalidURL):
            # The library's text quotes the URL, which may hold a password.
            raise KubeconfigError(
                f'the proxy of context "{self.context}" cannot be used: proxy-url in the kubeconfig, or HTTPS_PROXY '
                "and ALL_PROXY in the environment, must be an http:// or https:// URL"
            ) from None


def tls_context(cluster: Cluster, credential: Credential) -> ssl.SSLContext:
    """Return what connections to the cluster trust and present.

    The system's trust store, which is slow to load, is used only where the kubeconfig names no authority.

    Raises:
        KubeconfigError: authority, certificate or key cannot be used.
    """
    authority = pem("certificate-authority", cluster.certificate_authority_data, cluster.certificate_authority)
    if authority and cluster.insecure_skip_tls_verify:
        raise KubeconfigError(
            "the kubeconfig has both a certificate-authority and insecure-skip-tls-verify: remove one"
        )
    plain = urlsplit(cluster.server).scheme == "http"
    if authority or cluster.insecure_skip_tls_verify or plain:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    else:
        context = ssl.create_default_context()
    if cluster.insecure_skip_tls_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    try:
        if authority:
            # Comments between certificates may hold any text, certificates only ASCII.
            context.load_verify_locations(cadata=authority.encode("ascii", "ignore").decode())
        if credential.certificate:
            _present(context, credential)
    except ssl.SSLError as error:
        raise KubeconfigError(
            f"certificate-authority, client-certificate or client-key cannot be used: {error.reason or 'not PEM'}"
        ) from None
    return context


def _present(context: ssl.SSLContext, credential: Credential) -> None:
    # OpenSSL's Python binding takes a client certificate only from a file; the folder is private and short-lived.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "client.pem")
        path.touch(mode=0o600)
        path.write_text(f"{credential.certificate}\n{credential.key}", encoding="utf-8")
        # Without a password of ours OpenSSL would ask the terminal for one.
        context.load_cert_chain(path, password="")


def _impersonation(user: User) -> _RawHeaders:
    """Return the headers that act as another user, which kubeconfigs may ask for (kubectl's `--as`)."""
    if not user.impersonate:
        return []
    headers = [("Impersonate-User", user.impersonate)]
    headers += [("Impersonate-Group", group) for group in user.impersonate_groups or []]
    if user.impersonate_uid:
        headers.append(("Impersonate-Uid", user.impersonate_uid))
    for key, values in (user.impersonate_extra or {}).items():
        headers += [(f"Impersonate-Extra-{key}", value) for value in values]
    return [(name.encode(), value.encode()) for name, value in headers]


def _is_loopback(server: str) -> bool:
    """Return whether the server is this machine, which proxies of the environment never lead to."""
    host = urlsplit(server).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
