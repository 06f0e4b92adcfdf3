"""The changes of one kind of object, as watches follow them."""

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

Object = dict[str, Any]
Change = Literal["ADDED", "MODIFIED", "DELETED"]


class RefusedError(Exception):
    """Raised when the API server refuses a request."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.status = status
        self.reason = reason


class Event(NamedTuple):
    version: int
    type: Change
    object: Object


@dataclass
class History:
    """Changes in the order in which they happened."""

    events: list[Event] = field(default_factory=list)
    forgotten: int = 0
    """A watch from an earlier version than this gets the answer that it is too old."""
    followers: list[Callable[[], None]] = field(default_factory=list)
    """Called after each change."""

    def add(self, version: int, kind: Change, changed: Object) -> None:
        self.events.append(Event(version, kind, copy.deepcopy(changed)))
        self._wake()

    def forget(self, version: int) -> None:
        """Compact: every watch from an earlier version has to begin again."""
        self.forgotten = version
        self._wake()

    def after(self, version: int) -> list[Event]:
        found = []
        for event in reversed(self.events):
            if event.version <= version:
                break
            found.append(event)
        return found[::-1]

    async def follow(self, version: int) -> AsyncIterator[Event]:
        """Yield the changes after a version, forever."""
        news = asyncio.Event()
        self.followers.append(news.set)
        while True:
            news.clear()
            if version < self.forgotten:
                raise RefusedError(410, "Expired", "too old resource version")
            for event in self.after(version):
                version = event.version
                yield event
            await news.wait()

    def _wake(self) -> None:
        for follower in list(self.followers):
            follower()
