"""Runs of the program as processes, each with an event loop that the world moves through time.

A process can be killed between any two of its steps, interrupted (Ctrl-C), or put to sleep like a
laptop: then its own clock stands still while the world's goes on.
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
"""The limit of an event loop's iterations at one moment."""


class _Idle(selectors.SelectSelector):
    """Never waits: when nothing is ready, it notes how long the loop would wait, and stops it."""

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
    """One run of the program for an installation, begun at the world's time `now`."""

    def __init__(
        self, name: str, now: float, promises: Promises, *, destroys: bool = False
    ) -> None:
        self.name = name
        self.promises = promises
        """Those to the installation that it works on."""
        self.destroys = destroys
        """Whether it uninstalls."""
        self.now = self.wakes_at = now
        """The world's time of its last step, and of the next one."""
        self.loop = _Loop(selector := _Idle())
        self._selector = selector
        selector.loop = self.loop
        self._slept = 0.0
        self._jumped = 0.0
        self._set = 0.0
        self.asleep_until = 0.0
        self.dead = False
        self.answered = False
        """Whether it has ever had an answer of the API server."""
        self.paces = False
        """Whether it carries out a plan; before that it reads what to plan with."""
        self.task: asyncio.Task[Any]

    def start(self, main: Coroutine[Any, Any, Any]) -> None:
        context = contextvars.copy_context()
        context.run(CURRENT.set, self)
        self.task = self.loop.create_task(main, context=context)

    @property
    def ended(self) -> bool:
        return self.dead or self.task.done()

    def boot_time(self) -> float:
        """Return the seconds of the clock that includes sleep, by which Leases are judged."""
        return self.loop.now + self._slept + self._jumped

    def says(self, question: Callable[[], bool] | None) -> bool:
        """Return the process's answer by its own clock; True if there is no question."""
        context = contextvars.copy_context()
        context.run(CURRENT.set, self)
        return question is None or context.run(question)

    def wall_time(self) -> float:
        """Return its machine's time of day, in seconds since the beginning."""
        return self.boot_time() + self._set

    def set_clock(self, seconds: float) -> None:
        """Set the time of day ahead or back."""
        self._set += seconds

    def jump(self, seconds: float) -> None:
        """Let the clock that Leases are judged by jump ahead."""
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
        # Some time must pass, or rounding keeps a timer a little ahead forever.
        self.wakes_at = now + max(self._selector.wait, 1e-6)
        if self.task.done():
            self.close()

    def wake(self, now: float) -> None:
        """Take note that an answer has arrived."""
        self.wakes_at = max(now, self.asleep_until)

    def sleep(self, now: float, seconds: float) -> None:
        self.now = now
        self.asleep_until = self.wakes_at = now + seconds

    def interrupt(self, now: float) -> None:
        self.task.cancel()
        self.wake(now)

    def kill(self) -> None:
        """End at once; nothing that its code still does has an effect."""
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
