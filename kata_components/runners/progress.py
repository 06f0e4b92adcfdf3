"""What a run reports while it works."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn, Protocol

from kata_components.pacing.progress import Progress
from kata_components.planning.node_jobs import JobKind

_OFTEN_SECONDS: Final = 1.0
_SELDOM_SECONDS: Final = 10.0
_YOUNG_SECONDS: Final = 60.0


class Reporter(Protocol):
    """Shows messages and progress to the user."""

    def message(self, text: str) -> None:
        """Show a message that stays: one or more complete lines."""

    def progress(self, kind: JobKind, progress: Progress, seconds: float) -> None:
        """Show how far the Jobs of a kind are after these seconds; called periodically."""


async def every(tell: Callable[[], None]) -> NoReturn:
    """Call every second for a minute, then every ten: each may be a line of a log."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        await asyncio.sleep(_OFTEN_SECONDS if clock() - began < _YOUNG_SECONDS else _SELDOM_SECONDS)
        tell()
