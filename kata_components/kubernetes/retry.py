"""Repeats reads after transient failures, and decides which errors are worth another attempt.

Writes are not repeated here: only their caller knows what a lost answer means. Only one layer
retries, or unknown outcomes would be hidden and delays multiplied.
"""

import asyncio
import math
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final, TypeVar

from kata_components.errors import ApiError, ClusterError, ExpiredError, UnreachableError
from kata_components.kubernetes.backoff import Attempts, backoff, retry_after_seconds

_LONGEST_SECONDS: Final = 60.0
"""How long a read may be repeated: minutes of silence look like a hang."""
_REFUSED_SECONDS: Final = 60.0
"""How long refusals may last before they count as permanent: a freshly started API server has not
loaded roles or tokens yet."""
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a moment later."""
    return isinstance(error, UnreachableError) or (
        isinstance(error, ApiError) and error.status in _TRANSIENT
    )


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Exponential backoff with jitter, at least as long as the server asks for."""

    attempts: int = 6
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random  # noqa: S311 - jitter, no secret

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what `call` returns, repeating it after transient failures; raise the last one."""
        clock = asyncio.get_running_loop().time
        end = clock() + _LONGEST_SECONDS
        for failures in range(self.attempts - 1):
            try:
                return await call()
            except (ApiError, UnreachableError) as error:
                if not is_transient(error) or clock() >= end:
                    raise
                await self.pause(failures, error)
        return await call()

    async def pause(self, failures: int, error: Exception | None = None) -> None:
        """Wait after a failure that follows `failures` others in a row."""
        await self.sleep(self.delay(failures, getattr(error, "retry_after", None)))

    def delay(self, failures: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait: 50 to 100 % of `backoff`, more if the server asks for it."""
        return max(
            backoff(failures) * (0.5 + 0.5 * self.random()), retry_after_seconds(retry_after)
        )


class RetryWindow:
    """Decides whether a run in progress waits for the API server instead of ending.

    Each kind of request that is repeated until it succeeds has its own.
    """

    def __init__(self) -> None:
        self._refused_since = self._refused_last = -math.inf

    def reset(self) -> None:
        """Note that the request was answered without such an error."""
        self._refused_last = -math.inf

    def allows(self, error: ClusterError) -> bool:
        """Return whether to try again.

        Refusals far apart in time do not add up: each starts a new window.
        """
        if is_transient(error) or isinstance(error, ExpiredError):
            return True
        if not isinstance(error, ApiError) or not (error.unauthenticated or error.rbac_denied):
            return False
        now = asyncio.get_running_loop().time()
        if now - self._refused_last > _REFUSED_SECONDS:
            self._refused_since = now
        self._refused_last = now
        return now - self._refused_since < _REFUSED_SECONDS


async def until_answered(call: Callable[[], Awaitable[T]]) -> T:
    """Return what an idempotent `call` returns, retrying errors that may pass up to ten times.

    Raises:
        ClusterError: the error has lasted, or it is permanent.
    """
    attempts, window = Attempts(), RetryWindow()
    while True:
        try:
            return await call()
        except ClusterError as error:
            pause = attempts.next_delay(answered=True) if window.allows(error) else None
            if pause is None:
                raise
        await asyncio.sleep(pause)
