"""Which errors of the API server pass by themselves, so that a run that is under way waits instead of ending."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

from kata_components.errors import ApiError, ClusterError, ExpiredError
from kata_components.kubernetes.retry import is_transient
from kata_components.rollout.tries import Tries

T = TypeVar("T")

_REFUSED_SECONDS: Final = 60.0
"""So long an API server may refuse what it just allowed: one that has started knows neither roles
nor logins."""


class Patience:
    """The patience of one run with its API server.

    One for each kind of request that is repeated until it succeeds.
    """

    def __init__(self) -> None:
        self._refused_since = self._refused_last = -math.inf

    def answered(self) -> None:
        """Take note of an answer that is none of these errors."""
        self._refused_last = -math.inf

    def passes(self, error: ClusterError) -> bool:
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


async def answered(call: Callable[[], Awaitable[T]]) -> T:
    """Await what may be done again without harm, at most ten times more while its errors pass by themselves.

    Raises:
        ClusterError: the last of them, or one that does not pass.
    """
    tries, patience = Tries(), Patience()
    while True:
        try:
            return await call()
        except ClusterError as error:
            pause = tries.another(answered=True) if patience.passes(error) else None
            if pause is None:
                raise
        await asyncio.sleep(pause)
