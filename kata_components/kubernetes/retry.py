"""Repeats reads that failed in passing, and says how long to wait before which repetition.

Writes are not repeated here: whether a lost write was applied is decided by the one who plans it.
One layer retries, or unknown outcomes would be hidden and delays multiplied.
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
"""After so long no further attempt begins: minutes of silence look like a hang."""
_REFUSED_SECONDS: Final = 60.0
"""So long an API server may refuse what it just allowed: one that has started knows neither roles
nor logins."""
_TRANSIENT: Final = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")


def is_transient(error: Exception) -> bool:
    """Return whether the same request may succeed a moment later."""
    return isinstance(error, UnreachableError) or (
        isinstance(error, ApiError) and error.status in _TRANSIENT
    )


@dataclass(frozen=True, kw_only=True)
class Retry:
    """Exponential back-off with jitter, at least as long as the server asks for."""

    attempts: int = 6
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random

    async def read(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what `call` returns, repeating it after transient failures.

        The last failure is raised.
        """
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
        """Wait after one more failure, `failures` having gone before it in a row."""
        await self.sleep(self.delay(failures, getattr(error, "retry_after", None)))

    def delay(self, failures: int, retry_after: float | None = None) -> float:
        """Return the seconds to wait: 50 to 100 % of `backoff`, and no less than the server asks for."""
        return max(
            backoff(failures) * (0.5 + 0.5 * self.random()), retry_after_seconds(retry_after)
        )


class RetryWindow:
    """The window of one run with its API server.

    One for each kind of request that is repeated until it succeeds.
    """

    def __init__(self) -> None:
        self._refused_since = self._refused_last = -math.inf

    def reset(self) -> None:
        """Take note of an answer that is none of these errors."""
        self._refused_last = -math.inf

    def allows(self, error: ClusterError) -> bool:
        """Return whether it is worth to ask again.

        Refusals with a long time between them are not one lasting state.
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
    """Await what may be done again without harm, at most ten times more while its errors pass by themselves.

    Raises:
        ClusterError: the last of them, or one that does not pass.
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
