"""What a run tells the one who started it."""

import asyncio
from collections.abc import Callable
from typing import Final, NoReturn

from kata_components.pacing.progress import Progress
from kata_components.planning.node_jobs import JobKind

Say = Callable[[str], None]
"""Takes a message: one or more complete lines that stay."""

OnProgress = Callable[[JobKind, Progress, float], None]
"""Takes what is done to nodes, how far they are and for how many seconds it has gone on; called
again and again."""

_OFTEN_SECONDS: Final = 1.0
_SELDOM_SECONDS: Final = 10.0
_YOUNG_SECONDS: Final = 60.0


async def every(tell: Callable[[], None]) -> NoReturn:
    """Tell every second at first, then every ten: where the output is no terminal, each time is a line of a log."""
    clock = asyncio.get_running_loop().time
    began = clock()
    while True:
        await asyncio.sleep(_OFTEN_SECONDS if clock() - began < _YOUNG_SECONDS else _SELDOM_SECONDS)
        tell()
