"""Calls to one API server over HTTP, from many threads.

Owns: connections, authentication, errors as `ApiError` and `UnreachableError`, retries of reads and of throttled calls,
watches that another thread can end. The standard library does: the plugin starts with every preview, and HTTP/1.1 with
a connection per thread is enough for some dozens of objects.
"""

import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPResponse, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from kata_components.errors import ApiError, ExpiredError, UnreachableError
from sandbox.kubernetes_plugin.access import Login

CONNECT_SECONDS: Final = 10.0
_ANSWER_SECONDS: Final = 60.0
_IDLE_SECONDS: Final = 20.0
_ATTEMPTS: Final = 4
_RETRY_SECONDS: Final = 5.0
_PAUSE_SECONDS: Final = 0.1
_USER_AGENT: Final = "pulumi-kubernetes-stand-in"

_UNAUTHORIZED: Final = 401
_GONE: Final = 410
_THROTTLED: Final = 429
_FIRST_ERROR: Final = 400

JSON: Final = "application/json"
JSON_PATCH: Final = "application/json-patch+json"
APPLY_PATCH: Final = "application/apply-patch+yaml"

Object = dict[str, Any]
Query = Mapping[str, str | int]


class Rest:
    """One API server as one user; `server` is its URL."""

    def __init__(self, server: str, login: Login) -> None:
        self.server = server.rstrip("/")
        self._url = urlsplit(self.server)
        self._login = login
        self._idle: list[tuple[float, HTTPConnection]] = []
        self._watching: set[socket.socket] = set()
        self._cancelled = threading.Event()

    @property
    def cancelled(self) -> threading.Event:
        """Set once `cancel` was called."""
        return self._cancelled

    def cancel(self) -> None:
        """End all watches, now and from now on; other calls go on."""
        self._cancelled.set()
        for sock in list(self._watching):
            with suppress(OSError):  # its other side may have ended it already
                sock.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connections that no call is using."""
        while self._idle:
            self._idle.pop()[1].close()

    def request(
        self, method: str, path: str, query: Query | None = None, body: object = None, content: str = JSON
    ) -> Object:
        """Return the JSON answer to one call.

        Raises:
            ApiError: the answer is an error.
            UnreachableError: there was none; a write may have been applied.
            KubeconfigError: credentials cannot be had.
        """
        target = self._target(path, query or {})
        started = time.monotonic()
        payload = None if body is None else json.dumps(body).encode()
        for attempt in range(1, _ATTEMPTS + 1):
            try:
                return self._exchange(method, target, payload, content)
            except ApiError as error:
                wait = self._retry_after(error)
                if wait is None or attempt == _ATTEMPTS or self._cancelled.wait(wait):
                    raise
            except UnreachableError:
                # A write may have been applied, and nobody should wait minutes for a server that is down.
                late = time.monotonic() - started > _RETRY_SECONDS
                if method != "GET" or late or attempt == _ATTEMPTS or self._cancelled.wait(_PAUSE_SECONDS):
                    raise
        raise AssertionError("the last attempt returns or raises")

    def watch(self, path: str, query: Query, seconds: float) -> Iterator[Object]:
        """Yield the events of a watch until the server ends it, `seconds` are over, or `cancel` is called.

        Raises:
            ExpiredError: the position in `query` is too old.
            ApiError: the answer is another error.
            UnreachableError: there was none, or the connection broke.
        """
        limits = {"watch": 1, "timeoutSeconds": max(1, int(seconds))}
        connection = self._connect(limits["timeoutSeconds"] + CONNECT_SECONDS)
        sock = connection.sock  # the connection lets go of it when the server announces the end
        self._watching.add(sock)
        try:
            if not self._cancelled.is_set():
                with self._as_unreachable():
                    yield from self._events(connection, self._target(path, {**query, **limits}))
        finally:
            self._watching.discard(sock)
            connection.close()

    def _events(self, connection: HTTPConnection, target: str) -> Iterator[Object]:
        connection.request("GET", target, headers=self._headers(JSON))
        response = connection.getresponse()
        if response.status >= _FIRST_ERROR:
            raise _api_error(response, response.read())
        while line := response.readline():
            event: Object = json.loads(line)
            if event["type"] == "ERROR":
                raise _status_error(event["object"], int(event["object"].get("code") or 0))
            yield event

    def _target(self, path: str, query: Query) -> str:
        return f"{self._url.path}{path}?{urlencode(query)}" if query else self._url.path + path

    def _exchange(self, method: str, target: str, payload: bytes | None, content: str) -> Object:
        with self._as_unreachable():
            connection = self._borrow()
            try:
                connection.request(method, target, payload, self._headers(content))
                response = connection.getresponse()
                answer = response.read()
            except BaseException:
                connection.close()
                raise
        self._idle.append((time.monotonic(), connection))
        if response.status >= _FIRST_ERROR:
            raise _api_error(response, answer)
        result: Object = json.loads(answer)
        return result

    def _retry_after(self, error: ApiError) -> float | None:
        """Return how long to wait before the same call again, None if that makes no sense."""
        if error.status == _THROTTLED:
            return error.retry_after or 1.0
        if error.status == _UNAUTHORIZED and self._login.renew():
            return 0.0
        return None

    def _headers(self, content: str) -> dict[str, str]:
        headers = {"Accept": JSON, "Content-Type": content, "User-Agent": _USER_AGENT}
        authorization = self._login.authorization()
        return headers | {"Authorization": authorization} if authorization else headers

    def _borrow(self) -> HTTPConnection:
        """Return a connection that was used a moment ago, else a new one."""
        with suppress(IndexError):
            while True:
                since, connection = self._idle.pop()
                if time.monotonic() - since < _IDLE_SECONDS:
                    return connection
                connection.close()
        return self._connect(_ANSWER_SECONDS)

    def _connect(self, timeout: float) -> HTTPConnection:
        """Return an open connection on which reads wait for `timeout` seconds at most."""
        host, port = self._url.hostname or "", self._url.port
        connection = (
            HTTPSConnection(host, port, timeout=CONNECT_SECONDS, context=self._login.tls())
            if self._url.scheme == "https"
            else HTTPConnection(host, port, timeout=CONNECT_SECONDS)
        )
        with self._as_unreachable():
            connection.connect()
        connection.sock.settimeout(timeout)
        return connection

    @contextmanager
    def _as_unreachable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, HTTPException, ValueError) as error:
            reason = str(error) or type(error).__name__
            raise UnreachableError(f"no answer from the API server {self.server}: {reason}") from error


def _api_error(response: HTTPResponse, answer: bytes) -> ApiError:
    try:
        status = json.loads(answer)
    except ValueError:
        status = {"message": f"HTTP {response.status} {response.reason}: {answer[:200].decode(errors='replace')}"}
    error = _status_error(status, response.status)
    error.retry_after = float(response.getheader("Retry-After") or 0) or None
    return error


def _status_error(status: Object, code: int) -> ApiError:
    kind = ExpiredError if code == _GONE else ApiError
    return kind(code, str(status.get("reason") or ""), str(status.get("message") or f"HTTP {code}"))
