"""Runs of upstream's dispatcher, one after another: what installing and cleaning have in common.

The dispatcher writes no marks. Once it has ended, the Jobs in the cluster tell what became of each
node, even if this run did not watch them.
"""

import asyncio
import contextlib
import functools
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from kata_components import wording
from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.objects import Metadata
from kata_components.pacing.commands import CommandStatus
from kata_components.pacing.holdup import Holdup
from kata_components.pacing.progress import Failure, progress
from kata_components.pacing.protocol import Protocol
from kata_components.pacing.times import NodeTimes
from kata_components.planning import dispatcher_args
from kata_components.planning.dispatcher_args import Batch
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob
from kata_components.planning.node_work import NodeWork
from kata_components.planning.service import Service
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.diagnosis import diagnose, explain, left_error
from kata_components.runners.dispatched_jobs import DispatchedJobs
from kata_components.runners.dispatcher import Dispatcher
from kata_components.runners.lookout import Lookout
from kata_components.runners.marking import written
from kata_components.runners.progress import every
from kata_components.runners.run import Run


@dataclass(frozen=True, kw_only=True)
class Dispatching:
    """One kind of work that is done through the dispatcher."""

    run: Run
    work: NodeWork
    job: Mapping[str, Any]
    """The dispatcher's Job."""
    template: Mapping[str, Any]
    """That of the per-node Jobs, as `dispatcher_args.node_template` makes it."""
    holdups: dict[str, Holdup]
    """By node, why its Job last did not get on."""

    @property
    def kind(self) -> JobKind:
        """The kind of the per-node Jobs."""
        return self.work.stamp.kind

    @property
    def digest(self) -> str:
        """Their digest."""
        return self.work.stamp.digest

    @cached_property
    def dispatcher(self) -> Dispatcher:
        """The dispatchers of the installation."""
        return Dispatcher(self.run, self.job)

    @property
    def times(self) -> dict[str, NodeTimes]:
        """When the Jobs of this kind were there and had ended, by node."""
        return self.dispatcher.times.of(self.kind)

    async def settle(self) -> DispatchedJobs:
        """Wait until nothing works any more, stopping what does something else than this run."""
        async with self._shown(
            lambda: [job.node for job in self.dispatcher.jobs.of_kind(self.kind)]
        ):
            return await self.dispatcher.settle(self.kind, self.digest)

    async def leave_traces(
        self, steps: Sequence[Step], traces: Callable[[Step, str], NodeChange | None]
    ) -> None:
        """Mark nodes of which otherwise only a finished Job tells: Jobs may be removed."""

        async def leave(step: Step) -> None:
            if left := traces(step, timestamp()):
                # If it is gone or replaced, its next plan starts afresh.
                await written(self.run.api, self.run.lease, step, left)

        await run_bounded(CALLS_AT_ONCE, map(leave, steps))

    async def begin(self, steps: Iterable[Step]) -> None:
        """Write on nodes what has to be there before their Jobs, as each node is then."""

        async def write(step: Step) -> None:
            def begun(seen: Metadata) -> NodeChange:
                return self.work.begun(step, seen, timestamp()) or NodeChange()

            await written(self.run.api, self.run.lease, step, begun)

        await run_bounded(CALLS_AT_ONCE, map(write, steps))

    async def note_failures(
        self, steps: Sequence[Step], seen: DispatchedJobs, notes: Callable[[Step, str], NodeChange]
    ) -> None:
        """Write on nodes that their Jobs have failed.

        If the server refuses that, the reason of the failure is reported all the same.
        """
        known = seen.by_node(self.kind)
        failed = [
            step
            for step in steps
            if step.node in known and known[step.node].state is JobState.FAILED
        ]
        with contextlib.suppress(ApiError):
            await self.leave_traces(failed, notes)

    async def failures(self, steps: Sequence[Step], seen: DispatchedJobs) -> list[Failure]:
        """Return why these nodes are not done, with a text for the first ones.

        Nodes that have left the cluster are not among them.
        """
        own_words = await self._own_words(seen)
        known = seen.by_node(self.kind)
        found = await asyncio.gather(
            *(
                self._failure(step, known.get(step.node), own_words)
                for step in steps[: wording.SHOWN_NODES]
            )
        )
        hidden = [Failure(step.node, "") for step in steps[wording.SHOWN_NODES :]]
        return [failure for failure in found if failure] + hidden

    async def not_serving(self, steps: Sequence[Step], protocol: Protocol) -> list[Failure]:
        """Return why these nodes are not done, whose Jobs have succeeded; write it on them.

        As with `note_failures`, a refused write hides no reason.
        """
        unserved = [step for step in steps if step.service is Service.NOT_SERVED]
        with contextlib.suppress(ApiError):
            await self.leave_traces(unserved, functools.partial(self.work.failed, demote=True))
        return [
            Failure(
                step.node,
                protocol.not_served("", self.work.stamp.name(step.node))
                if step.service is Service.NOT_SERVED
                else protocol.not_ready(""),
            )
            for step in steps
        ]

    async def warning(self, seen: DispatchedJobs) -> str:
        """Return why the dispatcher has failed, empty when it has not.

        From 4.1.0 on, maybe a node is not Ready after its Job, or does not serve Kata.
        """
        words = await self._own_words(seen)
        return f"every Job has succeeded, but look at the nodes{words}" if words else ""

    async def work_off(self, runs: Sequence[Batch]) -> DispatchedJobs:
        """Run the dispatcher for each batch; return the Jobs there are at the end."""
        nodes = [node for batch in runs for node in batch.nodes]
        async with self._shown(lambda: nodes) as show:
            for batch in runs:
                manifest = dispatcher_args.dispatcher_job(self.job, batch, self.template)
                await self.dispatcher.run(self.kind, manifest, batch)
            show()
        return self.dispatcher.jobs

    @contextlib.asynccontextmanager
    async def _shown(self, nodes: Callable[[], Sequence[str]]) -> AsyncIterator[Callable[[], None]]:
        """Show, during the block, how far the Jobs on these nodes are and what holds them up."""
        loop, dispatcher = asyncio.get_running_loop(), self.dispatcher
        began = loop.time()
        held: dict[str, Holdup] = {}

        def take(found: Mapping[str, Holdup]) -> None:
            held.clear()
            held.update(found)
            self.holdups.update(found)

        def show() -> None:
            counts = progress(nodes(), dispatcher.jobs.by_node(self.kind), self.kind, held)
            notes = [note for note in (self.run.lease.trouble, *dispatcher.notes) if note]
            counts = replace(counts, holdups=(*notes, *counts.holdups))
            self.run.reporter.progress(self.kind, counts, loop.time() - began)

        def at_work() -> list[NodeJob]:
            return [job for job in dispatcher.jobs.of_kind(self.kind) if job.active]

        limit = self.template["spec"]["activeDeadlineSeconds"]
        lookout = Lookout.of_node_jobs(
            self.run.api, self.run.namespace, self.run.suffix, self.template, limit
        )
        tasks = [
            asyncio.create_task(every(show)),
            asyncio.create_task(lookout.watch(at_work, take)),
        ]
        try:
            yield show
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _failure(self, step: Step, job: NodeJob | None, own_words: str) -> Failure | None:
        if job is None:
            left = await left_error(self.run.api, step, self.dispatcher.since)
            why = f": {left}" if left else own_words
            return Failure(step.node, f"no Job was made for it, or it was deleted{why}")
        if job.active:
            return Failure(step.node, f"its Job {job.name} still runs")
        if job.digest != self.digest:
            other = job.digest or "unknown"
            return Failure(
                step.node, f"its Job {job.name} is of digest {other}, not of {self.digest}"
            )
        if job.state is not JobState.FAILED:
            still = "still set" if self.kind == "cleanup" else "not set"
            return Failure(
                step.node, f"its Job {job.name} succeeded, but its label is {still}{own_words}"
            )
        try:
            held_up = self.holdups.get(step.node)
            result = await diagnose(self.run.api, self.run.namespace, step, job, held_up)
        except ClusterError as error:
            return Failure(step.node, f"{job.failure}; {error}")
        return None if result.code is CommandStatus.GONE else Failure(step.node, result.text)

    async def _own_words(self, seen: DispatchedJobs) -> str:
        ended = seen.dispatchers.get(self.kind)
        if not self.dispatcher.has_run or ended is None or ended.state is not JobState.FAILED:
            return ""
        words = await explain(self.run.api, self.run.namespace, ended.name) or ended.failure
        return f"; the dispatcher has failed: {words}"


def settled(
    steps: Sequence[Step], seen: DispatchedJobs, kind: JobKind, digest: str
) -> tuple[list[Step], list[Step]]:
    """Split steps into those whose Job of the digest has succeeded, and the others.

    A stale Job does not count.
    """
    known = seen.by_node(kind)
    done: list[Step] = []
    left: list[Step] = []
    for step in steps:
        job = known.get(step.node)
        served = (
            job is not None and job.uid != step.stale_job and step.is_served_by(job, kind, digest)
        )
        succeeded = served and job is not None and job.state is JobState.SUCCEEDED
        (done if succeeded else left).append(step)
    return done, left
