"""A small cluster for the pacer alone, in virtual time, in which much goes wrong.

It keeps the books on what must never happen, and fails where it does.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from math import inf
from random import Random

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
)
from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import ONCE_DONE, Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.protocol import Protocol
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.service import Service
from kata_components.planning.step import Action, Step
from tests.pacing.story import step
from tests.planning.builders import DIGEST, job

_MOST_STEPS = 20_000
_FAILING = {Phase.FAILED, Phase.DIAGNOSING, Phase.DEMOTING}


@dataclass
class Host:
    """One node: how it behaves, and what has happened to it."""

    step: Step
    job_fails: bool
    ready_after: float
    """Not Ready for so long after its Job."""
    served_after: float
    reports: bool
    """Whether its kubelet reports handlers."""
    relabels: list[float]
    """When its kubelet sets old labels again, after the Job."""
    gone_at: float
    tainted: bool
    job: NodeJob | None = None
    ended_at: float = inf
    labelled: bool = False
    served_at: float = -inf
    """When it was read last and did serve."""
    unserved_at: float = -inf
    written_at: float = -inf
    missed: bool = False
    """Whether the watch has lost a change of it."""

    def service(self, now: float) -> Service:
        if now < self.ended_at + self.ready_after:
            return Service.NOT_READY
        if not self.reports:
            return Service.UNKNOWN
        served = now >= self.ended_at + self.served_after
        return Service.SERVED if served else Service.NOT_SERVED


class Fleet:
    """Carries the pacer's commands out."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.now = 0.0
        self.hosts: dict[str, Host] = {}
        self._events: list[tuple[float, int, Callable[[], None]]] = []
        self._number = count()
        self.faults = random.choice([0.0, 0.02, 0.1])
        """How probable it is that something goes wrong with a request or an event."""
        self.parallelism = random.randint(1, 4)
        self.allowed = random.choice([0, 1, 2, inf])
        # Everything heals in time on most fleets, so that what is slow is not always a failure.
        self.bad = random.choice([0.0, 0.0, 0.1, 0.4])
        waves = random.randint(1, 3)
        for number in range(random.randint(1, 10)):
            self._add(f"n{number}", random.randrange(waves))
        steps = sorted((host.step for host in self.hosts.values()), key=lambda step: step.wave)
        self.pacer = Pacer(
            steps,
            kind="install",
            digest=DIGEST,
            parallelism=self.parallelism,
            budget=FailureBudget(self.allowed),
            soak_seconds=random.choice([0.0, 40.0]),
            protocol=Protocol(ready_seconds=60.0, namespace="kube-system"),
        )

    def _add(self, name: str, wave: int) -> None:
        random, bad = self.random, self.random.random() < self.bad
        action = random.choices([Action.INSTALL, Action.RESUME, Action.RELABEL], [8, 1, 1])[0]
        host = Host(
            step=step(name, wave=wave, canary=wave == 0 and random.random() < 0.3, action=action),
            job_fails=bad and random.random() < 0.3,
            ready_after=random.choice([0.0, 0.0, 5.0, 40.0, inf if bad else 0.0]),
            served_after=random.choice([0.0, 2.0, 20.0, 70.0, inf if bad else 0.0]),
            reports=random.random() < 0.9,
            relabels=random.choice([[], [], [3.0, 8.0], [11.0, 60.0]]),
            gone_at=random.uniform(0.0, 100.0) if bad and random.random() < 0.2 else inf,
            tainted=random.random() < 0.3,
        )
        self.hosts[name] = host
        if action is Action.RESUME:
            host.job, host.ended_at = job(name, JobState.SUCCEEDED), -1000.0
            host.ready_after += random.choice([0.0, 1005.0])

    def run(self) -> None:
        """Let the pacer finish, and all that it has not seen yet happen."""
        for _ in range(_MOST_STEPS):
            self._check()
            commands = self.pacer.poll(self.now)
            for command in commands:
                self._send(command)
            if commands:
                continue
            if self.pacer.finished and not self._events:
                return
            wakeup = inf if self.pacer.finished else self.pacer.wakeup(self.now)
            if self._events and self._events[0][0] <= wakeup:
                self.now, _, happen = heapq.heappop(self._events)
                happen()
            else:
                assert wakeup > self.now, "it asks to be woken at once, and then has nothing to say"
                self.now = wakeup
        raise AssertionError("it never finishes")

    def _at(self, delay: float, happen: Callable[[], None]) -> None:
        heapq.heappush(self._events, (self.now + delay, next(self._number), happen))

    def _goes_wrong(self) -> bool:
        return self.random.random() < self.faults

    def _send(self, command: Command) -> None:
        match command:
            case ListJobs():
                self._at(0.1, lambda: self._list(command))
            case RemoveJobs():
                for node in command.nodes:
                    assert self.pacer.nodes[node].phase in ONCE_DONE
            case _:
                if isinstance(command, CreateJob):
                    self._check_start(command.step.node)
                asked = self.now
                self._at(self.random.uniform(0.01, 0.3), lambda: self._apply(command, asked))

    def _list(self, command: ListJobs) -> None:
        jobs = [host.job for host in self.hosts.values() if host.job]
        self.pacer.on_list(self.now, command, None if self._goes_wrong() else jobs)

    def _apply(self, command: NodeCommand, asked: float) -> None:
        """Have the server apply a command, or not, and answer it, or not."""
        if self._goes_wrong():
            code = self.random.choice([CommandStatus.UNKNOWN, CommandStatus.THROTTLED])
            result = Result(code=code, answered=self.random.random() < 0.3)
        else:
            result = self._answer(command, asked)
            if self._goes_wrong():
                result = Result(code=CommandStatus.UNKNOWN)
        self._at(
            self.random.uniform(0.01, 0.3),
            lambda: self.pacer.on_result(self.now, command, result),
        )

    def _answer(self, command: NodeCommand, asked: float) -> Result:
        host = self.hosts[command.step.node]
        if self.now >= host.gone_at:
            creates = isinstance(command, CreateJob | LookAtNode)
            return Result(code=CommandStatus.DEPARTED if creates else CommandStatus.GONE)
        match command:
            case CreateJob():
                return self._create(host)
            case DeleteJob():
                host.job = None
            case LookAtNode():
                return self._look(host, asked)
            case WriteMark():
                return self._write(host)
            case LiftTaints():
                assert host.written_at > -inf
                held = not host.relabels or asked >= host.written_at + 12.0
                assert held, "labels have not held yet"
                host.tainted = False
            case WriteFailure():
                assert host.unserved_at >= host.ended_at + 100.0
                assert host.unserved_at > host.served_at
            case Diagnose():
                assert host.job is None or host.job.state is JobState.FAILED
        return Result(code=CommandStatus.DONE)

    def _create(self, host: Host) -> Result:
        if host.job:
            return Result(code=CommandStatus.CONFLICT)
        made = job(host.step.node, uid=f"job-{next(self._number)}")
        self._show_job(host, made)
        self._at(self.random.choice([1.0, 4.0, 10.0]), lambda: self._end(host, made))
        return Result(code=CommandStatus.DONE, uid=made.uid)

    def _end(self, host: Host, made: NodeJob) -> None:
        state = JobState.FAILED if host.job_fails else JobState.SUCCEEDED
        host.ended_at = self.now
        self._show_job(host, job(host.step.node, state, uid=made.uid))
        for after in {*host.relabels, host.ready_after, host.served_after} - {0.0, inf}:
            unlabels = after in host.relabels
            self._at(after, lambda unlabels=unlabels: self._change(host, unlabels=unlabels))  # type: ignore[misc]

    def _show_job(self, host: Host, seen: NodeJob) -> None:
        host.job = seen
        if not self._goes_wrong():
            self._at(self.random.uniform(0.0, 0.5), lambda: self.pacer.on_job(self.now, seen))

    def _change(self, host: Host, *, unlabels: bool) -> None:
        if unlabels:
            host.labelled = False
        if self._goes_wrong():
            host.missed = True
            return
        node = host.step.node
        self._at(
            self.random.uniform(0.0, 0.5),
            # As the caller promises: never from before the last write.
            lambda: self.pacer.on_node(self.now, node, labelled=host.labelled),
        )

    def _look(self, host: Host, asked: float) -> Result:
        service = host.service(self.now)
        if service is Service.NOT_SERVED:
            host.unserved_at = self.now
        elif service is not Service.NOT_READY:
            host.served_at = asked
        return Result(code=CommandStatus.DONE, service=service, labelled=host.labelled)

    def _write(self, host: Host) -> Result:
        if not host.step.action.writes_only:
            settled = host.ended_at + (15.0 if host.step.canary else 0.0)
            assert host.served_at >= settled, "labelled before it served"
        host.labelled, host.written_at = True, self.now
        self._change(host, unlabels=False)
        return Result(code=CommandStatus.DONE, holds=bool(host.relabels), tainted=host.tainted)

    def _check(self) -> None:
        active = [host for host in self.hosts.values() if host.job and host.job.active]
        assert len(active) <= self.parallelism
        resumed = [host for host in self.hosts.values() if host.step.action is Action.RESUME]
        waiting = self.pacer.nodes.within(Phase.AWAITING)
        assert len(waiting) < 2 * self.parallelism + len(resumed)
        counts = self.pacer.nodes.counts
        settled = counts.done + counts.failed + counts.departed + counts.skipped
        assert counts.total == (
            settled + counts.running + counts.settling + counts.finishing + counts.remaining
        )
        assert counts.remaining == len(self.pacer.nodes.within(Phase.QUEUED))

    def _check_start(self, node: str) -> None:
        """A Job is asked for: no more nodes may have failed, or be late, than are allowed to."""
        runs = [self.pacer.nodes[name] for name in self.hosts]
        late = [
            run
            for run in runs
            if run.phase is Phase.AWAITING and run.wait and run.wait.late_at <= self.now
        ]
        failing = [run for run in runs if run.phase in _FAILING]
        if self.pacer.nodes[node].vanished == 0 and self.pacer.nodes[node].attempts.count == 0:
            assert len(late) + len(failing) <= self.allowed
            assert not any(run.step.canary for run in (*late, *failing))
