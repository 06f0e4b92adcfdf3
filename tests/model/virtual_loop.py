"""An event loop in virtual time: instead of waiting, the clock jumps to the next event."""

import asyncio
import selectors
from collections.abc import Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar
from unittest import mock

from kata_components.runners import clock

T = TypeVar("T")


class _NoWait(selectors.SelectSelector):
    """Never blocks and never reports a file: virtual time has no sockets, threads or processes."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise RuntimeError(f"nothing will ever happen after {self.now:.1f} s")
        self.now += max(0.0, timeout)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._virtual = _NoWait()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now


def now() -> float:
    """Return the virtual time; to be passed wherever a clock is taken."""
    return asyncio.get_running_loop().time()


def simulate(main: Coroutine[Any, Any, T]) -> T:
    """Run to the end in virtual time."""
    with (
        mock.patch.object(clock, "time_of_day", _time_of_day),
        asyncio.Runner(loop_factory=VirtualLoop) as runner,
    ):
        try:
            return runner.run(main)
        finally:
            _Wall.hour += timedelta(seconds=1.0 + runner.get_loop().time())


class _Wall:
    hour = datetime.now(UTC)
    """The time of day when the loop begins: what one has written is older for the next."""


def _time_of_day() -> datetime:
    return _Wall.hour + timedelta(seconds=now())
