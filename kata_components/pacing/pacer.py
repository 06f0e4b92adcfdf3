"""The pacer: when to start which node.

A state machine without I/O; events go in, commands come out.

Time is an argument (seconds of any clock that only goes forward). The truth is in the cluster, Jobs
and marks: after a crash, a new pacer goes on where the old one was.

    QUEUED ──► DELETING ──► CREATING ──► RUNNING ──► RECORDING ──► DONE
       │      (a finished Job of the        │
       │       same name)                   └──────► INSPECTING ──► FAILED | DEPARTED
       └── waits for a slot, its wave, the budget, and for any other Job on its node

Right before its Job a node is looked at once more: gone, it is DEPARTED; not to be worked on now,
SKIPPED.

A slot is held from DELETING to the end of the Job. An unknown outcome keeps its slot until the
repeated command or a list settles it. Jobs are told apart by UID, since names are used again.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import inf
from typing import Final

from kata_components.kubernetes.backoff import retry_after_seconds
from kata_components.pacing.brake import Brake
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
    WriteMark,
)
from kata_components.pacing.failure_budget import Budget
from kata_components.pacing.job_tracker import JobTracker
from kata_components.pacing.node_run import NodeRun, Phase
from kata_components.pacing.progress import Progress
from kata_components.pacing.transitions import Transitions
from kata_components.pacing.wave_queue import WaveQueue
from kata_components.planning.node_jobs import JobKind, NodeJob
from kata_components.planning.step import Step

RELIST_SECONDS: Final = 300.0
"""A list this often repairs what a watch lost."""
_LIST_PAUSE_SECONDS: Final = 1.0

_UNMADE: Final = {CommandStatus.DEPARTED: Phase.DEPARTED, CommandStatus.SKIPPED: Phase.SKIPPED}
"""What becomes of a node whose Job was not made, where that is no failure."""


class Pacer:
    """Paces the pending steps of one plan.

    `kind` and `digest` say which Jobs are ours; others on the same node are waited for, never
    deleted while active. At most `parallelism` per-node Jobs are in flight, those of other runs
    included. `nodes` and `jobs` tell the state.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        *,
        kind: JobKind,
        digest: str,
        parallelism: int,
        budget: Budget,
        soak_seconds: float = 0.0,
        opens_in: float = 0.0,
        node_timeout_seconds: float = inf,
    ) -> None:
        self.budget = budget
        self.jobs = JobTracker(kind, digest, node_timeout_seconds)
        self._parallelism = parallelism
        self._queue = WaveQueue(steps, soak_seconds=soak_seconds, opens_in=opens_in)
        self._transitions = Transitions(steps, self.jobs, self._queue, budget)
        self.nodes = self._transitions.nodes
        self._due = self._transitions.due
        self._brake = Brake()
        self._paused_until = 0.0
        self._relist_at = 0.0
        self._asked_at = -inf
        self._listing = False
        self._listed = False

    def poll(self, now: float) -> list[Command]:
        """Return what to do at this moment.

        Each command is answered once, by `on_result` or `on_list`.
        """
        commands: list[Command] = []
        if now < self._paused_until:
            return commands
        if not self._listing and now >= self._list_due:
            self._listing = True
            self._asked_at = now
            self._transitions.epoch += 1
            commands.append(ListJobs(self._transitions.epoch))
        if self._listed:
            commands.extend(self._repeats(now))
            commands.extend(self._starts(now))
            if spent := self._transitions.spent.take(
                at_once=self._brake.is_on or self._queue.opens_at is not None
            ):
                commands.append(RemoveJobs(spent))
        return commands

    def wakeup(self, now: float) -> float:
        """Return the time at which `poll` has something new to say, if no event comes before."""
        if self.finished:
            return now
        times = [now + RELIST_SECONDS, self._due.next, self._brake.next(now)]
        if not self._listing:
            times.append(self._list_due)
        if self._queue.opens_at is not None:
            times.append(self._queue.opens_at)
        return max(now, self._paused_until, min(times))

    @property
    def _list_due(self) -> float:
        """When to list again. A Job that seems overdue may have ended unseen: only a list tells."""
        return min(
            self._relist_at, max(self.jobs.next_overdue, self._asked_at + _LIST_PAUSE_SECONDS)
        )

    @property
    def finished(self) -> bool:
        """Whether nothing is left to do or to wait for, or nothing more may start."""
        if not self._listed or not self.nodes.idle:
            return False
        return not any(self.budget.allows(node) for node in self._queue)

    def progress(self, now: float) -> Progress:
        """Return how far the nodes are, which slots Jobs of earlier runs take, and how long it still soaks."""
        opens_in = max(0.0, (self._queue.opens_at or now) - now)
        return replace(
            self.nodes.told, others=self.jobs.elsewhere(self.nodes.holders), opens_in=opens_in
        )

    def on_list(self, now: float, command: ListJobs, jobs: Iterable[NodeJob] | None) -> None:
        """Take a complete list of the installation's Jobs, newer than any change told before.

        None: not to be had.
        """
        self._listing = False
        self._relist_at = now + (RELIST_SECONDS if jobs is not None else _LIST_PAUSE_SECONDS)
        if jobs is None:
            return
        self._listed = True
        seen = list(jobs)
        self.jobs.replace(now, seen, self._asked_at)
        for job in seen:
            self._transitions.advance(now, job)
        self._transitions.vanish_all_but(now, {job.uid for job in seen}, command.epoch)

    def on_job(self, now: float, job: NodeJob, *, deleted: bool = False) -> None:
        """Take one change of a Job."""
        if not deleted:
            self.jobs.put(now, job)
            self._transitions.advance(now, job)
            return
        self.jobs.remove(job)
        run = self.nodes.get(job.node)
        if run and run.phase is Phase.RUNNING and run.job_uid == job.uid:
            self._transitions.vanish(now, run)
        elif run and run.phase is Phase.CREATING:
            # The answer to the create is still under way, so this may be that very Job.
            self._relist_at = min(self._relist_at, now + 1.0)

    def on_expired(self, now: float) -> None:
        """Take note that changes were missed: only a list helps."""
        self._relist_at = now

    def on_result(self, now: float, command: NodeCommand, result: Result) -> None:
        """Take the end of a command about a node."""
        run = self.nodes[command.step.node]
        run.busy = False
        self._transitions.touch(run)
        if result.code is CommandStatus.THROTTLED:
            self._paused_until = max(
                self._paused_until, now + max(retry_after_seconds(result.retry_after), 1.0)
            )
            self._due.add_at(self._paused_until, run.step.node)
            return
        if result.code is CommandStatus.FULL and run.phase is Phase.CREATING:
            self._brake.refused(now)
            self._transitions.give_back(run)
            return
        # The name is taken: by our own Job when an answer got lost, or by another one; a list
        # tells, if it knows it.
        taken = (
            result.code is CommandStatus.CONFLICT
            and isinstance(command, CreateJob)
            and run.phase is Phase.CREATING
        )
        if taken:
            self._relist_at = now
        settles = result.code is not CommandStatus.UNKNOWN and not taken
        pause = None if settles else run.attempts.next_delay(answered=taken or bool(result.text))
        if pause is None:
            self._settle(now, command, run, result)
        else:
            self._due.add_at(now + pause, run.step.node)

    def _settle(self, now: float, command: NodeCommand, run: NodeRun, result: Result) -> None:
        match command:
            case CreateJob():
                self._created(now, run, result)
            case DeleteJob() if result.code is CommandStatus.DEPARTED:
                self._transitions.settle(run, Phase.DEPARTED)
            case DeleteJob():
                self._job_deleted(now, command, run, result)
            case WriteMark() if result.code is CommandStatus.DONE:
                self._transitions.settle(run, Phase.DONE)
            case WriteMark() | Diagnose() if result.code in {
                CommandStatus.GONE,
                CommandStatus.CONFLICT,
            }:
                # The node is gone or another machine has its name: no success, but no failure of
                # this rollout either.
                self._transitions.settle(run, Phase.DEPARTED)
            case _:
                self._transitions.settle(run, Phase.FAILED, result.text)

    def _created(self, now: float, run: NodeRun, result: Result) -> None:
        if run.phase is not Phase.CREATING:
            # The watch was faster and has moved the node on; what that calls for had to wait for
            # this answer.
            self._due.add_at(now, run.step.node)
            return
        if result.code is CommandStatus.DONE:
            self._brake.taken()
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

    # What to start and to repeat.

    def _repeats(self, now: float) -> Iterator[Command]:
        for node in self._due.pop_due(now):
            run = self.nodes[node]
            if not run.busy:
                yield from self._commands(run)

    def _starts(self, now: float) -> Iterator[Command]:
        self._transitions.give_up_on_dead_nodes()
        self._queue.open_waves(now)
        while self.jobs.in_flight(self.nodes.holders) < self._parallelism:
            held = self.nodes.congested or self._brake.holds(now, self.nodes.progress.starting)
            node = None if held else self._queue.take(self._startable)
            if node is None:
                return
            run = self.nodes[node]
            self._transitions.enter(
                run, Phase.RECORDING if run.step.action.writes_only else Phase.CREATING
            )
            yield from self._commands(run)

    def _commands(self, run: NodeRun) -> Iterator[Command]:
        command = self._command(run)
        if command:
            run.busy = True
            self._transitions.touch(run)
            yield command

    def _command(self, run: NodeRun) -> Command | None:
        node = run.step.node
        finished = self.jobs.finished_on(node)
        if run.phase is Phase.CREATING and self.jobs.is_active_on(node):
            # Another Job works on this host: give the slot back and wait for its end.
            self._transitions.give_back(run)
            return None
        if run.phase in {Phase.CREATING, Phase.DELETING} and finished:
            self._transitions.enter(run, Phase.DELETING)
            return DeleteJob(run.step, finished)
        match run.phase:
            case Phase.CREATING | Phase.DELETING:
                self._transitions.enter(run, Phase.CREATING)
                return CreateJob(run.step, run.replaces)
            case Phase.RECORDING:
                return WriteMark(run.step)
            case Phase.INSPECTING:
                return Diagnose(run.step, finished)
            case _:
                return None

    def _startable(self, node: str) -> bool:
        return not self.jobs.is_active_on(node) and self.budget.allows(node)
