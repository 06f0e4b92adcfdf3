"""Drives a pacer against a cluster.

It decides nothing: commands become calls, answers and events go back.
"""

import asyncio
import contextlib
import functools
from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from kata_components.errors import ApiError, ClusterError, UnreachableError
from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.concurrency import first
from kata_components.kubernetes.objects import Metadata
from kata_components.kubernetes.retry import RetryWindow
from kata_components.pacing.commands import (
    Command,
    CommandStatus,
    CreateJob,
    DeleteJob,
    Diagnose,
    LiftTaints,
    ListJobs,
    LookAtNode,
    NodeCommand,
    RemoveJobs,
    Result,
    WriteFailure,
    WriteMark,
    status_of,
)
from kata_components.pacing.holdup import Holdup
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.planning import node_jobs
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_jobs import NodeJob, is_token_free
from kata_components.planning.node_work import NodeWork
from kata_components.planning.step import Step
from kata_components.runners.calls import Calls
from kata_components.runners.diagnosis import name_taken
from kata_components.runners.lookout import Lookout
from kata_components.runners.marking import is_still_there, written
from kata_components.runners.node_reports import NodeReports
from kata_components.runners.node_watch import NodeWatch, has_kept_labels
from kata_components.runners.progress import every
from kata_components.runners.run import Run
from kata_components.runners.standstill import Standstill

_RELIST_SECONDS: Final = 1.0
"""The pause between a refused watch and the next list: listing does not make watching work."""
_TAKEN: Final = "AlreadyExists"
_DOING: Final[Mapping[type[Command], str]] = {
    CreateJob: "create Jobs",
    DeleteJob: "remove finished Jobs",
    LookAtNode: "read nodes",
    WriteMark: "write to nodes",
    WriteFailure: "write to nodes",
    LiftTaints: "lift startup taints",
    Diagnose: "read nodes and pods",
    ListJobs: "list Jobs",
}


class Executor:
    """Carries out the commands of one pacer."""

    def __init__(self, run: Run, pacer: Pacer, work: NodeWork) -> None:
        self._api = run.api
        self._namespace = run.namespace
        self._suffix = run.suffix
        self._reporter = run.reporter
        self._pacer = pacer
        self._work = work
        self._lease = run.lease
        kept = _with_kept_labels(pacer, work)
        self._nodes = NodeWatch(run, kept, is_needed=is_token_free(work.stamp.template))
        self._node_calls = Calls(run, work, self._nodes, lambda node: pacer.nodes[node].holdup)
        self._reports = NodeReports(run, wanted=work.request.node_results)
        self._mended: set[str] = set()
        """The nodes on which a label is being written that cannot wait for the pacer."""
        self._began = asyncio.get_running_loop().time()
        self._changed = asyncio.Event()
        self._watch: asyncio.Task[None] | None = None
        self._window = RetryWindow()
        self._calls_window = RetryWindow()
        self._watch_window = RetryWindow()
        self._standstill = Standstill(run)
        self._closing = False
        # The renewal of the Lease must not queue behind writes that an admission webhook holds up.
        self._calls = asyncio.Semaphore(CALLS_AT_ONCE)

    async def run(self) -> None:
        """Return when the pacer has finished.

        Raises:
            RolloutStoppedError: the Lease was lost, or a request that everything waits for keeps
                failing.
            ClusterError: the API server refuses for good.
        """
        stamp = self._work.stamp
        lookout = Lookout.of_node_jobs(
            self._api, self._namespace, self._suffix, stamp.template, stamp.node_timeout_seconds
        )
        try:
            async with asyncio.TaskGroup() as background:
                tasks = [
                    background.create_task(every(self._tell_progress)),
                    background.create_task(lookout.watch(self._at_work, self._hold_up)),
                ]
                # Progress is shown until the last request has its answer.
                async with asyncio.TaskGroup() as group:
                    changed = functools.partial(self._node_changed, group)
                    watching = group.create_task(self._nodes.follow(changed))
                    await self._pace(group)
                    self._reports.start(group, self._pacer.nodes.failed)
                    self._closing = True
                    watching.cancel()
                    if self._watch:
                        self._watch.cancel()
                self._tell_progress()
                for task in tasks:
                    task.cancel()
        except ExceptionGroup as group_error:
            raise first(group_error) from None

    async def _pace(self, group: asyncio.TaskGroup) -> None:
        now = asyncio.get_running_loop().time
        while not self._pacer.finished:
            self._changed.clear()
            for command in self._pacer.poll(now()):
                group.create_task(self._execute(group, command))
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout_at(self._pacer.wakeup(now())):
                    await self._changed.wait()

    def _node_changed(self, group: asyncio.TaskGroup, step: Step, seen: Metadata | None) -> None:
        labelled = seen is None or has_kept_labels(self._work, step, seen)
        self._pacer.on_node(asyncio.get_running_loop().time(), step.node, labelled=labelled)
        self._changed.set()
        if seen and step.node not in self._mended and self._work.mended(step, seen):
            self._mended.add(step.node)
            group.create_task(self._mend(step))

    async def _mend(self, step: Step) -> None:
        def mended(seen: Metadata) -> NodeChange:
            return self._work.mended(step, seen) or NodeChange()

        # The end of the work writes it in any case.
        with contextlib.suppress(ClusterError):
            async with self._calls:
                await written(self._api, self._lease, step, mended)
        self._mended.discard(step.node)

    def _tell_progress(self) -> None:
        now = asyncio.get_running_loop().time()
        progress = self._pacer.progress(now)
        notes = [note for note in (self._lease.trouble, *self._standstill.notes) if note]
        shown = replace(progress, holdups=(*notes, *progress.holdups))
        self._reporter.progress(self._work.stamp.kind, shown, now - self._began)

    def _at_work(self) -> list[NodeJob]:
        """Return the running Jobs of this run's nodes."""
        runs = self._pacer.nodes
        own = ((job, runs.get(job.node)) for job in self._pacer.jobs.all if job.active)
        return [
            job for job, run in own if run and run.phase is Phase.RUNNING and run.job_uid == job.uid
        ]

    def _hold_up(self, found: Mapping[str, Holdup]) -> None:
        self._pacer.nodes.hold_up(found)
        self._changed.set()

    async def _execute(self, group: asyncio.TaskGroup, command: Command) -> None:
        if isinstance(command, ListJobs):
            await self._list(group, command)
        elif isinstance(command, RemoveJobs):
            await self._node_calls.remove(command)
        else:
            async with self._calls:
                result = await self._call(command)
            self._pacer.on_result(asyncio.get_running_loop().time(), command, result)
            self._reports.start(group, [self._pacer.nodes[command.step.node]])
            writes = isinstance(command, WriteMark | LiftTaints)
            if writes and (seen := self._nodes.unseen(command.step)):
                # What has changed since, the pacer did not want to know before.
                self._node_changed(group, command.step, seen)
        self._changed.set()

    async def _call(self, command: NodeCommand) -> Result:
        try:
            if self._node_calls.is_unsure(command):
                # It may have taken longer than the Lease had left.
                await self._lease.renewed()
            async with self._lease.writing():
                result = await self._node_calls.send(command)
        except ApiError as error:
            if error.unauthenticated:
                return self._unauthenticated(error)
            if (
                isinstance(command, WriteMark | WriteFailure)
                and error.conflict
                and await is_still_there(self._api, command.step)
            ):
                self._note_no_progress(command, str(error))
                return Result(code=CommandStatus.UNKNOWN)
            text = self._name_taken(command) if error.reason == _TAKEN else str(error)
            result = Result(
                code=status_of(error, creates=isinstance(command, CreateJob)),
                text=text,
                answered=True,
                retry_after=error.retry_after or 0.0,
            )
            if result.code in {CommandStatus.UNKNOWN, CommandStatus.THROTTLED, CommandStatus.FULL}:
                self._note_no_progress(command, str(error))
            return result
        except (UnreachableError, TimeoutError) as error:
            text = str(error) or "no answer in time; is an admission webhook slow?"
            self._note_unanswered(command)
            self._note_no_progress(command, text)
            # Taints are lifted if that can be done.
            is_tried = isinstance(command, LiftTaints) and self._lease.fresh
            return Result(code=CommandStatus.UNKNOWN, text=text, answered=is_tried)
        except asyncio.CancelledError:
            self._note_unanswered(command)
            raise
        if result.code is CommandStatus.UNKNOWN:
            self._note_no_progress(command, result.text or "others keep changing the node")
        else:
            self._calls_window.reset()
            self._standstill.succeeded(_DOING[type(command)])
        return result

    def _note_no_progress(self, command: Command, text: str) -> None:
        if self._at_work() and not isinstance(command, ListJobs):
            # It may wait for the end of these Jobs, which comes within their time limit.
            self._standstill.moved()
        self._standstill.failed(_DOING[type(command)], text)

    def _unauthenticated(self, error: ApiError) -> Result:
        """Have the command repeated: no node is to blame for this run's credential."""
        if not self._calls_window.allows(error):
            raise error
        return Result(code=CommandStatus.UNKNOWN)

    def _name_taken(self, command: NodeCommand) -> str:
        return name_taken(self._namespace, self._work.stamp.name(command.step.node))

    def _note_unanswered(self, command: Command) -> None:
        if not isinstance(command, LookAtNode | ListJobs):
            self._lease.unanswered()

    async def _list(self, group: asyncio.TaskGroup, command: ListJobs) -> None:
        if self._watch:
            # Its events must not come after a newer list.
            self._watch.cancel()
        try:
            found = await self._api.list_jobs(self._namespace, node_jobs.ANYBODYS)
        except ClusterError as error:
            if not self._window.allows(error):
                raise
            self._note_no_progress(command, str(error))
            self._pacer.on_list(asyncio.get_running_loop().time(), command, None)
            return
        self._window.reset()
        self._standstill.succeeded(_DOING[ListJobs])
        observed = [node_jobs.seen_by(self._suffix, job) for job in found.items]
        self._pacer.on_list(asyncio.get_running_loop().time(), command, observed)
        if not self._closing:
            self._watch = group.create_task(self._follow(found.resource_version))

    async def _follow(self, resource_version: str) -> None:
        loop = asyncio.get_running_loop()
        try:
            async for event in self._api.watch_jobs(
                self._namespace, node_jobs.ANYBODYS, resource_version
            ):
                self._watch_window.reset()
                self._standstill.moved()
                job = node_jobs.seen_by(self._suffix, event.object)
                self._pacer.on_job(loop.time(), job, deleted=event.type == "DELETED")
                self._changed.set()
        except ApiError as error:
            if not self._watch_window.allows(error):
                raise
            await asyncio.sleep(_RELIST_SECONDS)
            self._pacer.on_expired(loop.time())
            self._changed.set()


def _with_kept_labels(pacer: Pacer, work: NodeWork) -> dict[str, Step]:
    """Return by node the steps whose labels something else may change while the work goes on."""
    steps = (pacer.nodes[node].step for node in pacer.nodes.within(*Phase))
    return {step.node: step for step in steps if work.kept_labels(step)}
