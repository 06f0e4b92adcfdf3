"""Watches of Jobs and nodes in a simulated history."""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING

from kata_components.errors import ExpiredError
from tests.model.history import Event, History
from tests.simulation.processes import Process

if TYPE_CHECKING:
    from tests.simulation.world import World


class Watch:
    """The changes of objects after a version, in order and a moment late; some may be lost.

    A watch may also stall or expire.
    """

    def __init__(
        self,
        world: "World",
        process: Process,
        history: History,
        position: int,
        is_seen: Callable[[Event], bool],
    ) -> None:
        self._world = world
        self._process = process
        self._history = history
        self._position = position
        self._is_seen = is_seen
        self._arrived: deque[Event | Exception] = deque()
        self._waiter: asyncio.Future[None] | None = None
        self._last = world.now
        history.followers.append(self.catch_up)
        self.catch_up()

    def close(self) -> None:
        followers = self._history.followers
        if self.catch_up in followers:
            followers.remove(self.catch_up)

    def catch_up(self) -> None:
        """Send what has changed since the last time."""
        world, history = self._world, self._history
        if self._position < history.forgotten or world.chance(world.faults.watch_expires):
            self.close()
            self._send(ExpiredError(410, "Expired", "too old resource version"))
            return
        for event in history.after(self._position):
            self._position = event.version
            if self._is_seen(event) and not world.chance(world.faults.event_lost):
                self._send(event)

    async def next(self) -> Event:
        while not self._arrived:
            self._waiter = asyncio.get_running_loop().create_future()
            await self._waiter
        event = self._arrived.popleft()
        if isinstance(event, Exception):
            raise event
        return event

    def _send(self, event: Event | Exception) -> None:
        world = self._world
        delay = world.rng.uniform(60.0, 100.0) if world.chance(world.faults.watch_stalls) else 0.0
        self._last = max(self._last, world.now) + delay + world.rng.uniform(0.001, 0.1)
        world.at(
            max(self._last, self._process.asleep_until + 0.01, world.weather.down_until),
            lambda: self._arrive(event),
        )

    def _arrive(self, event: Event | Exception) -> None:
        if self._process.ended:
            return
        self._arrived.append(event)
        if self._waiter and not self._waiter.done():
            self._waiter.set_result(None)
            self._process.wake(self._world.now)
