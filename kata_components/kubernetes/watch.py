"""Follows changes of a collection: one watch after another, from the position of a list on.

What the watch protocol leaves to clients is here: bookmarks, expired positions, broken and silent
connections, and servers that end every watch at once. Which objects are watched, and over which
connection, is the caller's. Protocol: kubernetes.io/docs/reference/using-api/api-concepts,
"Efficient detection of changes".
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, aclosing
from typing import Final, Literal

import msgspec

from kata_components.errors import ApiError, ClusterError, ExpiredError, UnreachableError
from kata_components.foreign import bounded
from kata_components.kubernetes import failures
from kata_components.kubernetes.objects import ApiRecord, Job, JobEvent, ObjectMetadata
from kata_components.kubernetes.retry import Retry, is_transient

_HEALTHY_SECONDS: Final = 30.0
"""A connection that lived this long was no failure, even if nothing happened meanwhile."""

Open = Callable[[str], AbstractAsyncContextManager[AsyncIterator[bytes]]]
"""Opens a watch after a resource version; gives the chunks of the answer."""


class _Line(ApiRecord):
    type: Literal["ADDED", "MODIFIED", "DELETED", "BOOKMARK", "ERROR"]
    object: msgspec.Raw


class _Bookmark(ApiRecord):
    # Of its object only the metadata is read: a bookmark's spec is full of nulls.
    object: ObjectMetadata


_line_decoder = msgspec.json.Decoder(_Line)
_job_decoder = msgspec.json.Decoder(Job)
_metadata_decoder = msgspec.json.Decoder(ObjectMetadata)
_status_decoder = msgspec.json.Decoder(failures.Status)


class JobWatcher:
    """Yields events of Jobs, reconnecting as needed, for as long as the server remembers the position."""

    def __init__(self, open_watch: Open, retry: Retry) -> None:
        self._open = open_watch
        self._retry = retry
        self._expired_in_a_row = 0

    async def events(self, resource_version: str) -> AsyncGenerator[JobEvent, None]:
        """Yield changes after `resource_version`; end the generator with `aclose` to close its connection.

        Raises:
            ExpiredError: the position is too old; list again.
            ApiError: the watch is refused for good.
            KubeconfigError: there are no credentials any more.
        """
        clock = asyncio.get_running_loop().time
        fruitless = 0
        while True:
            position, opened = resource_version, clock()
            try:
                async with (
                    self._open(resource_version) as chunks,
                    aclosing(_lines(chunks)) as lines,
                ):
                    async for line in lines:
                        event = _decoded(line)
                        resource_version = (
                            event.object.metadata.resource_version or resource_version
                        )
                        if isinstance(event, JobEvent):
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

    async def _before_relist(self) -> None:
        """Slow down a caller that lists and watches in turn when every position expires at once."""
        if self._expired_in_a_row:
            await self._retry.pause(self._expired_in_a_row - 1)
        self._expired_in_a_row += 1


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield whole lines; the rest of a stream that broke off inside one is dropped."""
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line:
                yield line


def _decoded(line: bytes) -> JobEvent | _Bookmark:
    """Return what a line of a watch says.

    Raises:
        ApiError: it says why the server ends the watch.
        ClusterError: it is no line of a watch.
    """
    try:
        decoded = _line_decoder.decode(line)
        if decoded.type == "BOOKMARK":
            return _Bookmark(object=_metadata_decoder.decode(decoded.object))
        if decoded.type != "ERROR":
            return JobEvent(type=decoded.type, object=_job_decoder.decode(decoded.object))
        status = _status_decoder.decode(decoded.object)
    except msgspec.DecodeError as error:
        raise ClusterError(
            f"the watch on Jobs sent a line that is no event: {bounded(str(error))}"
        ) from error
    raise failures.status_error("the watch on Jobs", status.code or 500, status)
