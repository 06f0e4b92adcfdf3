"""Which errors of the API server pass by themselves, so that a run that is under way waits instead of ending."""

import asyncio
from typing import Final

from kata_components.errors import ApiError, ClusterError, ExpiredError
from kata_components.kubernetes.retry import is_transient

_UNAUTHORIZED_SECONDS: Final = 60.0
"""So long an API server may say that we may not do what we just did: one that has started does not know all roles."""


class Patience:
    """The patience of one run with its API server."""

    def __init__(self) -> None:
        self._unauthorized_since: float | None = None

    def answered(self) -> None:
        """Take note of an answer that is none of these errors."""
        self._unauthorized_since = None

    def passes(self, error: ClusterError) -> bool:
        """Return whether it is worth to ask again."""
        if is_transient(error) or isinstance(error, ExpiredError):
            return True
        now = asyncio.get_running_loop().time()
        if self._unauthorized_since is None:
            self._unauthorized_since = now
        recently = now - self._unauthorized_since < _UNAUTHORIZED_SECONDS
        return isinstance(error, ApiError) and error.unauthorized and recently
