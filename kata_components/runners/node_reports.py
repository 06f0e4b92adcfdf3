"""Reports nodes that have failed as upstream's dispatcher does: on the node, and as an Event.

Nothing depends on it, so a report that is refused fails no run. Success is reported with the mark;
an Event for each success would take another request per node.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from typing import Final

from kata_components.errors import ApiError, ClusterError
from kata_components.foreign import bounded
from kata_components.pacing.node_run import NodeRun, Phase
from kata_components.planning import node_results
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.marking import written
from kata_components.runners.run import Run

_AT_ONCE: Final = 4
"""So many at a time, as they must not hold up other calls."""
_LONGEST: Final = 1000
"""The message of an Event has at most 1024 characters."""


class NodeReports:
    """The reports of one run; none unless `wanted`."""

    def __init__(self, run: Run, *, wanted: bool) -> None:
        self._run = run
        self._wanted = wanted
        self._reported: set[str] = set()
        self._may_post = True
        self._places = asyncio.Semaphore(_AT_ONCE)

    def start(self, group: asyncio.TaskGroup, nodes: Iterable[NodeRun]) -> None:
        """Report those of the nodes that have failed, each once, in tasks of the group."""
        if not self._wanted:
            return
        for node in nodes:
            if node.phase is Phase.FAILED and node.step.node not in self._reported:
                self._reported.add(node.step.node)
                group.create_task(self._report(node.step, bounded(node.failure, _LONGEST)))

    async def _report(self, step: Step, error: str) -> None:
        change = node_results.failed(timestamp(), error)
        async with self._places:
            with contextlib.suppress(ClusterError):
                if await written(self._run.api, self._run.lease, step, change):
                    await self._post(step, error)

    async def _post(self, step: Step, error: str) -> None:
        if not self._may_post:
            return
        event = node_results.failure_event(step, error, timestamp())
        try:
            await self._run.lease.when_fresh(
                self._run.api.create_event(node_results.EVENT_NAMESPACE, event)
            )
        except ApiError as refusal:
            if refusal.rbac_denied and self._may_post:
                self._may_post = False
                self._run.reporter.message(
                    "failed nodes get no Event, as this identity may not `create events` in the "
                    f"namespace {node_results.EVENT_NAMESPACE} (docs/operator-rbac.yaml grants it)"
                )
