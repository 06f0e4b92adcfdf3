"""The pacer: when to start which node.

A state machine without I/O: events go in, commands come out. Time is an argument, in seconds of
any monotonic clock. The truth is in the cluster, in Jobs and marks: after a crash, a new pacer
continues where the old one was.

    QUEUED ──► DELETING ──► CREATING ──► RUNNING ──► AWAITING ──► MARKING ──► … ──► DONE
       │      (a finished Job of the        │            └──────► DEMOTING ──► FAILED
       │       same name)                   └──► DIAGNOSING ──► FAILED | DEPARTED
       └── waits for a slot, its wave, the budget, and for any other Job on its node

`settling` draws what follows a Job that has succeeded; AWAITING only where Jobs do not label their
nodes. A node is read once more right before its Job: if it is gone, it is DEPARTED; if it is to be
left out as it is now, SKIPPED.

A slot is held from DELETING to the end of the Job. An unknown outcome keeps its slot until the
repeated command or a list settles it. Jobs are distinguished by UID, since names are reused.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from kata_components.kubernetes.backoff import retry_after_seconds
from kata_components.pacing.commands import (
    Command,
    CommandStatus,
    CreateJob,
    DeleteJob,
    Diagnose,
    ListJobs,
    NodeCommand,
    RemoveJobs,
    Result,
)
from kata_components.pacing.job_tracker import JobTracker
from kata_components.pacing.limits import FailureBudget, QuotaBackoff
from kata_components.pacing.node_run import NodeRun, Phase
from kata_components.pacing.progress import Progress
from kata_components.pacing.protocol import Protocol
from kata_components.pacing.queues import WaveQueue
from kata_components.pacing.settling import Settling
from kata_components.pacing.transitions import Transitions
from kata_components.planning.node_jobs import JobKind, NodeJob
from kata_components.planning.step import Step

RELIST_SECONDS: Final = 300.0
"""How often to list, which makes up for events that a watch has lost."""
_LIST_PAUSE_SECONDS: Final = 1.0

_UNMADE: Final = {CommandStatus.DEPARTED: Phase.DEPARTED, CommandStatus.SKIPPED: Phase.SKIPPED}
"""What becomes of a node whose Job was not created, where that is not a failure."""


class Pacer:
    """Paces the pending steps of one plan.

    `kind` and `digest` say which Jobs are ours; others on the same node are waited for, never
    deleted while active. At most `parallelism` per-node Jobs are in flight, including those of
    other runs. `protocol` is what follows them where they do not label their nodes. `nodes` and
    `jobs` are the current state.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        kind: JobKind,
        digest: str,
        parallelism: int,
        budget: FailureBudget,
        soak_seconds: float = 0.0,
        opens_in: float = 0.0,
        node_timeout_seconds: float = inf,
        protocol: Protocol | None = None,
    ) -> None:
        self.budget = budget
        self.jobs = JobTracker(kind, digest, node_timeout_seconds)
        self._parallelism = parallelism
        self._queue = WaveQueue(steps, soak_seconds=soak_seconds, opens_in=opens_in)
        self._transitions = Transitions(steps, self.jobs, self._queue, budget, protocol)
        self._settling = Settling(protocol, self._transitions, budget)
        self.nodes = self._transitions.nodes
        self._due = self._transitions.due
        self._quota = QuotaBackoff()
        self._paused_until = 0.0
        self._relist_at = 0.0
        self._listed_at = -inf
        self._listing = False
        self._listed = False

    def poll(self, now: float) -> list[Command]:
        """Return what to do at this moment.

        Each command is answered once, by `on_result` or `on_list`.
        """
        self.nodes.now = now
        commands: list[Command] = []
        if now < self._paused_until:
            return commands
        if not self._listing and now >= self._list_due:
            self._listing = True
            self._listed_at = now
            self._transitions.epoch += 1
            commands.append(ListJobs(self._transitions.epoch))
        if self._listed:
            commands.extend(self._repeats(now))
            commands.extend(self._starts(now))
            # A used-up quota needs the room now, and while a wave soaks, no batch fills up.
            partial = self._quota.is_active or self._queue.opens_at is not None
            if nodes := self._transitions.removals.pop_batch(partial=partial):
                commands.append(RemoveJobs(nodes))
        return commands

    def wakeup(self, now: float) -> float:
        """Return when `poll` has something new to say if no event comes before."""
        if self.finished:
            return now
        times = [now + RELIST_SECONDS, self._due.next_due, self._quota.next_try(now)]
        if not self._listing:
            times.append(self._list_due)
        if self._queue.opens_at is not None:
            times.append(self._queue.opens_at)
        return max(now, self._paused_until, min(times))

    @property
    def _list_due(self) -> float:
        """When to list again; only a list shows whether a Job that seems overdue has ended."""
        overdue = max(self.jobs.next_overdue, self._listed_at + _LIST_PAUSE_SECONDS)
        return min(self._relist_at, overdue)

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do or to wait for, or nothing more may start."""
        if not self._listed or not self.nodes.idle:
            return False
        return not any(self.budget.allows(node) for node in self._queue)

    def progress(self, now: float) -> Progress:
        """Return how far the nodes are, how many slots other Jobs take, and how long it soaks."""
        opens_in = max(0.0, (self._queue.opens_at or now) - now)
        return replace(
            self.nodes.progress, others=self.jobs.elsewhere(self.nodes.holders), opens_in=opens_in
        )

    def on_list(self, now: float, command: ListJobs, jobs: Iterable[NodeJob] | None) -> None:
        """Process a complete list of the Jobs, newer than any change before; None if it failed."""
        self.nodes.now = now
        self._listing = False
        self._relist_at = now + (RELIST_SECONDS if jobs is not None else _LIST_PAUSE_SECONDS)
        if jobs is None:
            return
        self._listed = True
        seen = list(jobs)
        self.jobs.replace(now, seen, self._listed_at)
        for job in seen:
            self._transitions.advance(now, job)
        self._transitions.vanish_all_but(now, {job.uid for job in seen}, command.epoch)

    def on_job(self, now: float, job: NodeJob, *, deleted: bool = False) -> None:
        """Process one change of a Job."""
        self.nodes.now = now
        if not deleted:
            self.jobs.put(now, job)
            self._transitions.advance(now, job)
            return
        self.jobs.remove(job)
        run = self.nodes.get(job.node)
        if run and run.phase is Phase.RUNNING and run.job_uid == job.uid:
            self._transitions.vanish(now, run)
        elif run and run.phase is Phase.CREATING:
            # The create has not been answered yet, so this may be that very Job.
            self._relist_at = min(self._relist_at, now + 1.0)

    def on_node(self, now: float, node: str, *, labelled: bool) -> None:
        """Process one change of a node, later than the last write of this run.

        `labelled`: it has its labels as they were written.
        """
        self.nodes.now = now
        if run := self.nodes.get(node):
            self._settling.on_node(now, run, labelled=labelled)

    def on_expired(self, now: float) -> None:
        """Process the end of a watch: changes may have been missed, which only a list shows."""
        self._relist_at = now

    def on_result(self, now: float, command: NodeCommand, result: Result) -> None:
        """Process the end of a command about a node."""
        self.nodes.now = now
        run = self.nodes[command.step.node]
        run.busy = False
        self._transitions.touch(run)
        if result.code is CommandStatus.THROTTLED:
            pause = max(retry_after_seconds(result.retry_after), 1.0)
            self._paused_until = max(self._paused_until, now + pause)
            self._due.add_at(self._paused_until, run.step.node)
            return
        if result.code is CommandStatus.FULL and run.phase is Phase.CREATING:
            self._quota.refused(now)
            self._transitions.give_back(run)
            return
        # By our own Job, whose answer was lost, or by another one. A list may show which.
        creates = isinstance(command, CreateJob) and run.phase is Phase.CREATING
        taken = creates and result.code is CommandStatus.CONFLICT
        if taken:
            self._relist_at = now
        settles = result.code is not CommandStatus.UNKNOWN and not taken
        delay = None if settles else run.attempts.next_delay(answered=taken or result.answered)
        if delay is None:
            self._settle(now, command, run, result)
        else:
            self._transitions.look_at(run, now + delay)

    def _settle(self, now: float, command: NodeCommand, run: NodeRun, result: Result) -> None:
        match command:
            case CreateJob():
                self._created(now, run, result)
            case DeleteJob() if result.code is CommandStatus.DEPARTED:
                self._transitions.settle(run, Phase.DEPARTED)
            case DeleteJob():
                self._job_deleted(now, command, run, result)
            case Diagnose():
                is_gone = result.code in {CommandStatus.GONE, CommandStatus.CONFLICT}
                phase = Phase.DEPARTED if is_gone else Phase.FAILED
                self._transitions.settle(run, phase, result.text)
            case _:
                self._settling.on_result(now, command, run, result)

    def _created(self, now: float, run: NodeRun, result: Result) -> None:
        if run.phase is not Phase.CREATING:
            # The watch was faster and has moved the node on. Its next command had to wait for this
            # answer.
            self._due.add_at(now, run.step.node)
            return
        if result.code is CommandStatus.DONE:
            self._quota.accepted()
            self._transitions.run(run, result.uid)
        else:
            self._transitions.settle(run, _UNMADE.get(result.code, Phase.FAILED), result.text)

    def _job_deleted(self, now: float, command: DeleteJob, run: NodeRun, result: Result) -> None:
        if result.code in {CommandStatus.REJECTED, CommandStatus.UNKNOWN}:
            self._transitions.settle(run, Phase.FAILED, result.text)
            return
        self.jobs.forget(command.step.node, command.job.uid)
        run.replaces = command.job.uid
        self._transitions.enter(run, Phase.CREATING)
        self._due.add_at(now, run.step.node)

    def _repeats(self, now: float) -> Iterator[Command]:
        for node in self._due.pop_due(now):
            run = self.nodes[node]
            self._settling.note_lateness(now, run)
            if not run.busy:
                yield from self._commands(now, run)

    def _starts(self, now: float) -> Iterator[Command]:
        self._transitions.give_up_on_dead_nodes()
        self._queue.open_waves(now)
        while self.jobs.in_flight(self.nodes.holders) < self._parallelism:
            congested = self.nodes.is_congested(self._parallelism)
            held = congested or self._quota.holds(now, self.nodes.counts.starting)
            node = None if held else self._queue.pop_first(self._startable)
            if node is None:
                return
            run = self.nodes[node]
            first = Phase.MARKING if run.step.action.writes_only else Phase.CREATING
            self._transitions.enter(run, first)
            yield from self._commands(now, run)

    def _commands(self, now: float, run: NodeRun) -> Iterator[Command]:
        command = self._command(now, run)
        if command:
            run.busy = True
            self._transitions.touch(run)
            yield command

    def _command(self, now: float, run: NodeRun) -> Command | None:
        node = run.step.node
        finished = self.jobs.finished_on(node)
        if run.phase is Phase.CREATING and self.jobs.is_active_on(node):
            # Another Job is active on this host: give back the slot and wait for its end.
            self._transitions.give_back(run)
            return None
        if run.phase in {Phase.CREATING, Phase.DELETING} and finished:
            self._transitions.enter(run, Phase.DELETING)
            return DeleteJob(run.step, finished)
        match run.phase:
            case Phase.CREATING | Phase.DELETING:
                self._transitions.enter(run, Phase.CREATING)
                return CreateJob(run.step, run.replaces, again=run.attempts.count > 0)
            case Phase.DIAGNOSING:
                return Diagnose(run.step, finished)
            case _:
                return self._settling.command(now, run)

    def _startable(self, node: str) -> bool:
        return not self.jobs.is_active_on(node) and self.budget.allows(node)
