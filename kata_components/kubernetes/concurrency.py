"""Bounds how many calls are under way: the renewal of the Lease shares their connections and must not queue behind."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def run_bounded(limit: int, calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await all calls, at most `limit` at a time; the first error ends the others and is raised.

    Each is taken from `calls` when its turn comes: an iterator leaves none behind that never began.
    """
    waiting = iter(calls)

    async def work() -> None:
        for call in waiting:
            await call

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(limit):
                group.create_task(work())
    except ExceptionGroup as group_error:
        raise first(group_error) from None


def first(group_error: ExceptionGroup[Exception]) -> Exception:
    """Return the first error of a task group, also of one inside it: it is the cause of the others."""
    error: Exception = group_error
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
