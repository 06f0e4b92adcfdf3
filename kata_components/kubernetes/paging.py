"""Reads lists whole: page by page, all at one resource version."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeVar

from kata_components.errors import ExpiredError
from kata_components.kubernetes.objects import Page

_ATTEMPTS: Final = 5

T = TypeVar("T")

GetPage = Callable[[Mapping[str, str]], Awaitable[Page[T]]]
"""Returns the page for query parameters of paging: `limit` and `continue`."""


async def all_items(get_page: GetPage[T], page_size: int) -> tuple[list[T], str]:
    """Return all items of a list and its position; a list that expires half-way starts again."""
    for _ in range(_ATTEMPTS - 1):
        try:
            return await _read(get_page, page_size)
        except ExpiredError:
            continue
    return await _read(get_page, page_size)


async def _read(get_page: GetPage[T], page_size: int) -> tuple[list[T], str]:
    items: list[T] = []
    token = ""
    while True:
        page = await get_page({"limit": str(page_size), "continue": token})
        items += page.items or []
        token = page.metadata.continue_ or ""
        if not token:
            return items, page.metadata.resource_version
