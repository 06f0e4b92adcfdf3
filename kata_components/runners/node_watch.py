"""Follows labels and versions of a run's nodes, since others write to nodes as well."""

import asyncio
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Final

from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.objects import Metadata, MetadataEvent
from kata_components.kubernetes.retry import RetryWindow
from kata_components.planning.node_work import NodeWork
from kata_components.planning.step import Step
from kata_components.runners.run import Run
from kata_components.wording import HOW_TO_GRANT

_PAUSE_SECONDS: Final = 1.0
"""Before a watch that has ended is started again."""
_BEGIN_SECONDS: Final = 2.0
"""How long to wait for the watch to tell of the first nodes, instead of reading them."""


Changed = Callable[[Step, Metadata | None], None]
"""Hears of a change; None: the node is gone or replaced."""


class NodeWatch:
    """Keeps the newest metadata of the nodes in `steps`, those whose labels must be kept."""

    def __init__(self, run: Run, steps: Mapping[str, Step], *, is_needed: bool) -> None:
        self._api = run.api
        self._reporter = run.reporter
        self._steps = steps
        self._is_needed = is_needed
        """Whether the work cannot do without; it is only quicker with it otherwise."""
        self._seen: dict[str, Metadata] = {}
        self._written: dict[str, str] = {}
        """The version of each node after this run's last write."""
        self._arrivals: dict[str, asyncio.Event] = {}
        """Set once the watch tells of a node for the first time."""
        self._is_late = False

    async def follow(self, changed: Changed) -> None:
        """Tell `changed` of every change that is newer than this run's last write, until cancelled.

        If the API server refuses the watch for good and it is not needed, return.

        Raises:
            ClusterError: it is needed, and refused for good.
        """
        window = RetryWindow()
        while self._steps:
            try:
                async for event in self._api.watch_node_metadata():
                    window.reset()
                    self._note(event, changed)
            except ClusterError as error:
                if not window.allows(error):
                    self._refused(error)
                    return
            await asyncio.sleep(_PAUSE_SECONDS)

    async def latest(self, step: Step) -> Metadata | None:
        """Return the newest metadata of the step's machine; None: the node has to be read."""
        if step.node in self._steps and step.node not in self._seen and not self._is_late:
            arrival = self._arrivals.setdefault(step.node, asyncio.Event())
            try:
                async with asyncio.timeout(_BEGIN_SECONDS):
                    await arrival.wait()
            except TimeoutError:
                self._is_late = True
        return self._seen.get(step.node)

    def forget(self, step: Step) -> None:
        """Forget what turned out to be old."""
        self._seen.pop(step.node, None)

    def written(self, answer: Metadata) -> None:
        """Take note of a node as it is after a write of this run."""
        if answer.name in self._steps:
            self._written[answer.name] = answer.resource_version
            self._keep(answer)

    def unseen(self, step: Step) -> Metadata | None:
        """Return the newest metadata if they are newer than this run's last write."""
        seen = self._seen.get(step.node)
        written = self._written.get(step.node)
        return seen if seen and _is_newer(seen.resource_version, written) else None

    def _refused(self, error: ClusterError) -> None:
        is_denied = isinstance(error, ApiError) and error.status == HTTPStatus.FORBIDDEN
        text = f"{error}.\n  {HOW_TO_GRANT}." if is_denied else str(error)
        if self._is_needed:
            raise ClusterError(text) from None
        # What was seen may be old from now on.
        self._steps = {}
        self._seen.clear()
        self._reporter.message(
            "nodes cannot be watched, so a label that another installation needs comes back at the "
            f"end of a node's cleanup instead of at once: {text}"
        )

    def _note(self, event: MetadataEvent, changed: Changed) -> None:
        seen = event.object.metadata
        step = self._steps.get(seen.name)
        if step is None:
            return
        if event.type == "DELETED" or seen.uid != step.node_uid:
            self.forget(step)
            changed(step, None)
        elif self._keep(seen) and self.unseen(step):
            changed(step, seen)
        if arrival := self._arrivals.pop(step.node, None):
            arrival.set()

    def _keep(self, seen: Metadata) -> bool:
        """Return whether that is newer than what was known."""
        known = self._seen.get(seen.name)
        is_new = _is_newer(seen.resource_version, known.resource_version if known else None)
        if is_new:
            self._seen[seen.name] = seen
        return is_new


def has_kept_labels(work: NodeWork, step: Step, seen: Metadata) -> bool:
    """Return whether a node has the labels that the work keeps on it."""
    return all(seen.label(key) == value for key, value in work.kept_labels(step).items())


def _is_newer(version: str, than: str | None) -> bool:
    """Compare resource versions: decimal numbers without leading zeros, of any length."""
    return than is None or (len(version), version) > (len(than), than)
