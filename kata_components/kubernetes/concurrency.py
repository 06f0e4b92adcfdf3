"""Bounds concurrent calls: the renewal of the Lease shares their connections and must not wait."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any


async def run_bounded(limit: int, calls: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Await all calls, at most `limit` at a time; the first error cancels the others and is raised.

    Takes each from `calls` when its turn comes, so that an iterator creates none that never runs.
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
    """Return the first error of a task group or of one nested in it: it caused the others."""
    error: Exception = group_error
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
