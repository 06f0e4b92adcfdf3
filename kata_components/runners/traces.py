"""Writes on nodes what tells of Jobs that have ended, since these are removed."""

from kata_components.errors import ApiError
from kata_components.kubernetes.api import NodeApi
from kata_components.pacing.commands import CommandStatus, status_of
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_work import NodeWork
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.marking import is_still_there, patch
from kata_components.runners.node_watch import NodeWatch


class Traces:
    """The traces of one kind of Jobs; callers make sure that the Lease is fresh."""

    def __init__(self, api: NodeApi, work: NodeWork, watch: NodeWatch) -> None:
        self._api = api
        self._work = work
        self._watch = watch
        self._failed: set[str] = set()
        """The nodes on which nothing has to be written any more about their failure."""

    async def before_removal(self, step: Step) -> CommandStatus | None:
        """Leave a trace of a finished Job; return why that Job has to stay, None when it may go.

        Where the machine was replaced, that Job may have labelled the new one, and then is all that
        says so.

        Raises:
            ClusterError: the trace could not be written.
        """
        return await self._unwritten(step, self._work.superseded(step, timestamp()))

    async def of_failure(self, step: Step) -> bool:
        """Leave a trace of a failed Job; return whether that is settled and need not be repeated.

        If the server refuses it for good, the reason of the failure is reported all the same.

        Raises:
            ClusterError: it could not be written, and may be later.
        """
        if step.node not in self._failed:
            try:
                if (
                    await self._unwritten(step, self._work.failed(step, timestamp()))
                    is CommandStatus.UNKNOWN
                ):
                    return False
            except ApiError as error:
                if status_of(error) is not CommandStatus.REJECTED:
                    raise
            self._failed.add(step.node)
        return True

    async def _unwritten(self, step: Step, change: NodeChange | None) -> CommandStatus | None:
        try:
            if change:
                node = await patch(self._api, step, change)
                self._watch.written(node.metadata)
        except ApiError as error:
            if error.conflict:
                return (
                    CommandStatus.UNKNOWN
                    if await is_still_there(self._api, step)
                    else CommandStatus.DEPARTED
                )
            if not error.not_found:
                raise
        return None
