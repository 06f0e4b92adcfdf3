"""Which errors of the API server pass by themselves, so that a run that is under way waits instead of ending."""

import asyncio
import math
from typing import Final

from kata_components.errors import ApiError, ClusterError, ExpiredError
from kata_components.kubernetes.retry import is_transient

_REFUSED_SECONDS: Final = 60.0
"""So long an API server may refuse what it just allowed: one that has started knows neither roles nor logins."""


class Patience:
    """The patience of one run with its API server; one for each kind of request that is repeated until it succeeds."""

    def __init__(self) -> None:
        self._refused_since = self._refused_last = -math.inf

    def answered(self) -> None:
        """Take note of an answer that is none of these errors."""
        self._refused_last = -math.inf

    def passes(self, error: ClusterError) -> bool:
        """Return whether it is worth to ask again. Refusals with a long time between them are not one lasting state."""
        if is_transient(error) or isinstance(error, ExpiredError):
            return True
        if not isinstance(error, ApiError) or not (error.unauthenticated or error.unauthorized):
            return False
        now = asyncio.get_running_loop().time()
        if now - self._refused_last > _REFUSED_SECONDS:
            self._refused_since = now
        self._refused_last = now
        return now - self._refused_since < _REFUSED_SECONDS
