"""Follows the changes of a collection from the position of a list on, with one watch after another.

Does what the watch protocol leaves to clients: bookmarks, expired positions, broken and silent
connections, servers that end every watch at once. Protocol:
kubernetes.io/docs/reference/using-api/api-concepts, "Efficient detection of changes".
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Any, Final, Generic, Literal, TypeVar

import msgspec

from kata_components.errors import ApiError, ClusterError, ExpiredError, UnreachableError
from kata_components.foreign import bounded
from kata_components.kubernetes import failures, paths
from kata_components.kubernetes.connection import Call, Connection
from kata_components.kubernetes.objects import ApiRecord, Job, ObjectMetadata, WatchEvent
from kata_components.kubernetes.retry import Retry, is_transient

_HEALTHY_SECONDS: Final = 30.0
"""A connection that lasted this long did not fail, even if nothing was sent over it."""
_WATCH_SECONDS: Final = 240
_WATCH_SPREAD: Final = 120
"""Watches end after 240 to 360 s, so that many clients do not reconnect together."""

Watched = TypeVar("Watched", Job, ObjectMetadata)

Open = Callable[[Mapping[str, str]], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens a watch with these query parameters and yields the chunks of the answer."""


class _Line(ApiRecord):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class _Bookmark(ApiRecord):
    # Only the metadata of its object is decoded: a bookmark's spec is full of nulls.
    object: ObjectMetadata


_line_decoder = msgspec.json.Decoder(_Line)
_metadata_decoder = msgspec.json.Decoder(ObjectMetadata)
_status_decoder = msgspec.json.Decoder(failures.Status)


class Watcher(Generic[Watched]):
    """Yields events of one collection, reconnecting while the server remembers the position."""

    def __init__(self, open_watch: Open, retry: Retry, kind: type[Watched], what: str) -> None:
        self._open = open_watch
        self._retry = retry
        self._decoder: msgspec.json.Decoder[Watched] = msgspec.json.Decoder(kind)
        self._request = f"the watch on {what}"
        self._expired_in_a_row = 0

    async def events(self, resource_version: str) -> AsyncGenerator[WatchEvent[Watched], None]:
        """Yield the changes after `resource_version`; `aclose` closes the connection.

        Without a version, an ADDED event of each object comes first, and again after each
        connection that is lost before its first bookmark: the versions of these events are in no
        order, so none of them is a position, and some events may be missing.

        Raises:
            ExpiredError: the position is too old; list again.
            ApiError: the watch is refused for good.
            KubeconfigError: no credentials can be obtained.
        """
        clock = asyncio.get_running_loop().time
        fruitless = 0
        while True:
            position, opened = resource_version, clock()
            try:
                async with aclosing(self._watch(resource_version)) as changes:
                    async for event in changes:
                        if resource_version or isinstance(event, _Bookmark):
                            version = event.object.metadata.resource_version
                            resource_version = version or resource_version
                        if isinstance(event, WatchEvent):
                            self._expired_in_a_row = 0
                            yield event
                failure = None
            except ExpiredError:
                await self._before_relist()
                raise
            except (ApiError, UnreachableError) as error:
                if not is_transient(error):
                    raise
                failure = error
            progress = resource_version != position or clock() - opened >= _HEALTHY_SECONDS
            if progress:
                fruitless = 0
            if not progress or isinstance(failure, ApiError):
                await self._retry.pause(fruitless, failure)
                fruitless += 1

    async def _watch(
        self, resource_version: str
    ) -> AsyncGenerator[WatchEvent[Watched] | _Bookmark, None]:
        """Yield the changes and bookmarks of one watch."""
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": resource_version,
            "timeoutSeconds": str(round(_WATCH_SECONDS + _WATCH_SPREAD * self._retry.random())),
        }
        async with self._open(query) as chunks, aclosing(_lines(chunks)) as lines:
            async for line in lines:
                yield self._decoded(line)

    def _decoded(self, line: bytes) -> WatchEvent[Watched] | _Bookmark:
        """Return the event or bookmark in a line of a watch.

        Raises:
            ApiError: the line says why the server ends the watch.
            ClusterError: it is not a line of a watch.
        """
        try:
            decoded = _line_decoder.decode(line)
            if decoded.type == "BOOKMARK":
                return _Bookmark(object=_metadata_decoder.decode(decoded.object))
            if decoded.type != "ERROR":
                return WatchEvent(type=decoded.type, object=self._decoder.decode(decoded.object))
            status = _status_decoder.decode(decoded.object)
        except msgspec.DecodeError as error:
            raise ClusterError(
                f"{self._request} sent a line that is not an event: {bounded(str(error))}"
            ) from error
        raise failures.status_error(self._request, status.code or 500, status)

    async def _before_relist(self) -> None:
        """Slow down a caller that lists and watches in turn while each position expires at once."""
        if self._expired_in_a_row:
            await self._retry.pause(self._expired_in_a_row - 1)
        self._expired_in_a_row += 1


class Watches:
    """The watches over one connection, a `Watcher` for each collection."""

    def __init__(self, connection: Connection, retry: Retry, idle_limit: float) -> None:
        self._connection = connection
        self._retry = retry
        self._idle_limit = idle_limit
        self._watchers: dict[tuple[str, str], Watcher[Any]] = {}

    def of(
        self,
        path: str,
        kind: type[Watched],
        what: str,
        *,
        selector: str = "",
        accept: str = "application/json",
    ) -> Watcher[Watched]:
        """Return the watcher of the objects at a path that a label selector matches."""

        def open_watch(
            query: Mapping[str, str],
        ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
            url = paths.with_query(path, {**query, "labelSelector": selector})
            # Uncompressed: compressing a stream may hold events back.
            call = Call(path=url, accept=accept, compressed=False)
            return self._connection.stream(call, self._idle_limit)

        if (path, selector) not in self._watchers:
            watcher = Watcher(open_watch, self._retry, kind, what)
            self._watchers[path, selector] = watcher
        return self._watchers[path, selector]


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield whole lines; when a stream breaks off inside a line, that line is dropped."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line
