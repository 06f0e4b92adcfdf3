"""Hands out the credential of a connection, and sees to it in time that there is a next one.

How one is obtained is the business of `auth`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from kata_components.errors import KubeconfigError
from kata_components.kubernetes.backoff import backoff

Clock = Callable[[], float]
"""Returns seconds since the epoch: expiry times are wall-clock times, and laptops sleep."""

_AHEAD_SECONDS: Final = 60.0
"""So long before its end a credential is renewed, one of a short life at half of it: no request
then waits for it."""


class Credential:
    """What a request is signed with.

    Compared by identity: each issue is another one, even of equal content.
    """

    def __init__(
        self,
        authorization: str | None = None,
        certificate: str = "",
        key: str = "",
        expires: float | None = None,
    ) -> None:
        self.authorization = authorization
        """The whole header value."""
        self.certificate = certificate
        """PEM, empty for none."""
        self.key = key
        """PEM."""
        self.expires = expires
        """Seconds since the epoch; None for as long as the server takes it."""


class CredentialSource:
    """Hands out the current credential, getting a new one when needed, once for all who wait.

    That is a task of its own, which goes on when those who wait give up: a plugin that is killed
    half-way has used up its refresh token, or opens the next browser tab. After a failure the next
    one begins after a pause that grows.

    It belongs to one event loop; close it there with `aclose`.
    """

    def __init__(self, issue: Callable[[], Awaitable[Credential]], clock: Clock, hint: str) -> None:
        self._issue = issue
        self._clock = clock
        self.hint = hint
        """How a person gets a new credential."""
        self._current: Credential | None = None
        self._renew_at: float | None = None
        self._issuing: asyncio.Task[Credential] | None = None
        self._failures = 0
        self._paused_until = 0.0

    async def current(self) -> Credential:
        """Return a credential that has not expired.

        Raises:
            KubeconfigError: there is none to be had.
        """
        credential = self._current
        if credential is None or self._is_past(credential.expires):
            return await self._issued()
        if self._is_past(self._renew_at):
            self._begin()
        return credential

    async def renewed(self, rejected: Credential) -> Credential:
        """Return another credential than the rejected one, or that same one when there is no other.

        Raises:
            KubeconfigError: none could be had.
        """
        if self._current is None or self._current is rejected:
            return await self._issued()
        return self._current

    async def aclose(self) -> None:
        """End what is under way."""
        if self._issuing:
            self._issuing.cancel()
            await asyncio.gather(self._issuing, return_exceptions=True)

    async def _issued(self) -> Credential:
        return await asyncio.shield(self._begin())

    def _begin(self) -> asyncio.Task[Credential]:
        """Return the task that gets the next credential: a new one, or that which is under way or has just failed."""
        task = self._issuing
        if task is None or (
            task.done() and asyncio.get_running_loop().time() >= self._paused_until
        ):
            task = self._issuing = asyncio.create_task(self._renew())
            task.add_done_callback(_take_note)
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
        self._renew_at = self._ahead_of(credential.expires)
        return credential

    def _ahead_of(self, expires: float | None) -> float | None:
        # Plugins may print the same token until its end: then each time half of what is left is
        # waited for.
        return (
            None
            if expires is None
            else expires - min(_AHEAD_SECONDS, (expires - self._clock()) / 2)
        )

    def _is_past(self, moment: float | None) -> bool:
        return moment is not None and self._clock() >= moment


def _take_note(task: asyncio.Task[Credential]) -> None:
    """Keep asyncio from complaining about a failure that nobody waits for: the next call meets it again."""
    if not task.cancelled():
        task.exception()
