"""Runs of the program as processes of their own: each has an event loop that the world steps through virtual time.

A process can be killed between any two of its steps, be interrupted (Ctrl-C), and sleep as a laptop
does: its own clock then stands still while the world's goes on.
"""

import asyncio
import contextvars
import math
import selectors
from collections.abc import Callable, Coroutine
from typing import Any

from tests.simulation.broken import BrokenPromiseError
from tests.simulation.promises import Promises

CURRENT: contextvars.ContextVar["Process"] = contextvars.ContextVar("process")
"""The process that the running code belongs to."""


_MOST_TURNS = 10_000
"""So many turns may an event loop take at one moment."""


class _Idle(selectors.SelectSelector):
    """Never waits: once nothing is ready, it notes how long the loop would wait and stops it."""

    loop: asyncio.AbstractEventLoop
    wait = 0.0
    turns = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.wait = math.inf if timeout is None else timeout
        if self.wait > 0:
            self.loop.stop()
        self.turns += 1
        if self.turns > _MOST_TURNS:
            raise BrokenPromiseError("a run turns in circles, and no time passes")
        return []


class _Loop(asyncio.SelectorEventLoop):
    now = 0.0

    def time(self) -> float:
        return self.now


class Process:
    """One run of `main`, begun at the world's time `now`.

    `wakes_at` is when it has something to do again.

    Its requests are those of the installation that `promises` are made to; `destroys` says that it
    takes that away.
    """

    def __init__(
        self, name: str, now: float, promises: Promises, *, destroys: bool = False
    ) -> None:
        self.name = name
        self.promises = promises
        self.destroys = destroys
        self.now = self.wakes_at = now
        self.loop = _Loop(selector := _Idle())
        self._selector = selector
        selector.loop = self.loop
        self._slept = 0.0
        self._jumped = 0.0
        self._set = 0.0
        self.asleep_until = 0.0
        self.dead = False
        self.answered = False
        """Whether the API server has ever answered it."""
        self.paces = False
        """Whether it works a plan off; before, it reads what to plan with."""
        self.task: asyncio.Task[Any]

    def start(self, main: Coroutine[Any, Any, Any]) -> None:
        context = contextvars.copy_context()
        context.run(CURRENT.set, self)
        self.task = self.loop.create_task(main, context=context)

    @property
    def ended(self) -> bool:
        return self.dead or self.task.done()

    def boot_time(self) -> float:
        """Return seconds that include sleep: what the program judges Leases by."""
        return self.loop.now + self._slept + self._jumped

    def says(self, question: Callable[[], bool] | None) -> bool:
        """Return its own answer, by its own clock; yes where nothing is asked."""
        context = contextvars.copy_context()
        context.run(CURRENT.set, self)
        return question is None or context.run(question)

    def wall_time(self) -> float:
        """Return the time of day, in seconds since the beginning, as its machine believes it to be."""
        return self.boot_time() + self._set

    def set_clock(self, seconds: float) -> None:
        """Set the time of day ahead or back."""
        self._set += seconds

    def jump(self, seconds: float) -> None:
        """Set the clock that Leases are judged by ahead."""
        self._jumped += seconds

    def advance(self, now: float) -> None:
        """Do everything that is ready at the world's time `now`."""
        if self.asleep_until:
            self._slept += self.asleep_until - self.now
            self.asleep_until = 0.0
        self.now = now
        self.loop.now = now - self._slept
        self._selector.turns = 0
        self.loop.run_forever()
        # Some time must pass, or rounding keeps a timer for ever a little ahead.
        self.wakes_at = now + max(self._selector.wait, 1e-6)
        if self.task.done():
            self.close()

    def wake(self, now: float) -> None:
        """An answer has come in."""
        self.wakes_at = max(now, self.asleep_until)

    def sleep(self, now: float, seconds: float) -> None:
        self.now = now
        self.asleep_until = self.wakes_at = now + seconds

    def interrupt(self, now: float) -> None:
        self.task.cancel()
        self.wake(now)

    def kill(self) -> None:
        """End at once. What its code does on the way out reaches nobody."""
        self.dead = True
        if self.loop.is_closed():
            return
        for _ in range(100):
            for task in asyncio.all_tasks(self.loop):
                task.cancel()
            self._selector.turns = 0
            self.loop.run_forever()
            if not asyncio.all_tasks(self.loop):
                break
            self.loop.now += min(self._selector.wait, 60.0)
        self.close()

    def close(self) -> None:
        self.wakes_at = math.inf
        if not self.loop.is_closed():
            self.loop.close()
