"""Hands out the current credential of a connection and renews it before it expires.

How one is obtained is decided in `auth`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.backoff import backoff

Clock = Callable[[], float]
"""Returns the seconds since the epoch: expiry is a wall-clock time, and laptops sleep."""

_RENEW_BEFORE_SECONDS: Final = 60.0
"""How long before its expiry a credential is renewed (a short-lived one at half of its life), so
that no request waits for it."""


@dataclass(eq=False, repr=False)
class Credential:
    """What authenticates a request.

    Compared by identity: each one issued is a new one, even if the content is the same. Never
    shown: almost every field is a secret.
    """

    authorization: str | None = None
    """The value of the `Authorization` header, None for none."""
    certificate: str = ""
    """The client certificate as PEM, empty for none."""
    key: str = ""
    """The key of the certificate as PEM."""
    expires: float | None = None
    """Seconds since the epoch, None to use it until the server rejects it."""


def bearer(token: str, source: str) -> str:
    """Return the `Authorization` header of a token.

    Raises:
        KubeconfigError: it is not a token; `source` says whose it is.
    """
    # Checked here because HTTP libraries quote a header that they cannot send.
    if not token.isascii() or not token.isprintable() or " " in token:
        raise KubeconfigError(
            f"{source} has characters that no token has: it is truncated, wrapped or badly quoted"
        )
    return f"Bearer {token}"


class CredentialSource:
    """Hands out the current credential and issues a new one when needed, once for all callers.

    Issuing goes on when the callers give up: a plugin killed half-way has used up its refresh
    token, or opens another browser tab next time. After each failure in a row the pause before the
    next attempt grows.

    Belongs to one event loop; close it there with `aclose`.
    """

    def __init__(self, issue: Callable[[], Awaitable[Credential]], clock: Clock, hint: str) -> None:
        self._issue = issue
        self._clock = clock
        self.hint = hint
        """Tells the user how to get a new credential."""
        self._current: Credential | None = None
        self._renew_at: float | None = None
        self._issuing: asyncio.Task[Credential] | None = None
        self._failures = 0
        self._paused_until = 0.0

    async def current(self) -> Credential:
        """Return a credential that has not expired.

        Raises:
            KubeconfigError: none can be obtained.
        """
        credential = self._current
        if credential is None or self._is_past(credential.expires):
            return await self._issued()
        if self._is_past(self._renew_at):
            self._issue_task()
        return credential

    async def renewed(self, rejected: Credential) -> Credential:
        """Return a credential other than the rejected one, or the same if there is no other.

        Raises:
            KubeconfigError: none can be obtained.
        """
        if self._current is None or self._current is rejected:
            return await self._issued()
        return self._current

    async def aclose(self) -> None:
        """Cancel the issue in progress."""
        if self._issuing:
            self._issuing.cancel()
            await asyncio.gather(self._issuing, return_exceptions=True)

    async def _issued(self) -> Credential:
        return await asyncio.shield(self._issue_task())

    def _issue_task(self) -> asyncio.Task[Credential]:
        """Return the task that issues the next credential: a running, just failed or new one."""
        task = self._issuing
        if task is None or (
            task.done() and asyncio.get_running_loop().time() >= self._paused_until
        ):
            task = self._issuing = asyncio.create_task(self._renew())
            task.add_done_callback(_retrieve_exception)
        return task

    async def _renew(self) -> Credential:
        try:
            credential = await self._issue()
        except KubeconfigError:
            self._paused_until = asyncio.get_running_loop().time() + backoff(self._failures)
            self._failures += 1
            raise
        self._failures = 0
        self._current = credential
        self._renew_at = self._renewal_time(credential.expires)
        return credential

    def _renewal_time(self, expires: float | None) -> float | None:
        if expires is None:
            return None
        # Half: some plugins print the same token until it expires, and must not run at each call.
        return expires - min(_RENEW_BEFORE_SECONDS, (expires - self._clock()) / 2)

    def _is_past(self, moment: float | None) -> bool:
        return moment is not None and self._clock() >= moment


def _retrieve_exception(task: asyncio.Task[Credential]) -> None:
    """Keep asyncio from warning about a failure nobody awaits: the next call meets it again."""
    if not task.cancelled():
        task.exception()
