"""A model of API server, Job controller and nodes, with faults, in virtual time; the pacer is simulated against it."""

import functools
import heapq
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace

from kata_components.rollout.budget import Budget
from kata_components.rollout.commands import Code, Command, CreateJob, DeleteJob, Inspect, ListJobs, Record, Result
from kata_components.rollout.jobs import JobState, NodeJob
from kata_components.rollout.pacer import Pacer
from kata_components.rollout.plan import Action, Step

DIGEST = "d1"
OLD_DIGEST = "d0"
HORIZON = 200_000.0


@dataclass(frozen=True)
class Faults:
    """Probabilities per event."""

    throttled: float = 0.0
    error: float = 0.0
    lost_answer: float = 0.0
    dropped_event: float = 0.0
    watch_expires: float = 0.0
    list_fails: float = 0.0
    job_fails: float = 0.0
    job_deleted: float = 0.0
    node_deleted: float = 0.0
    killed: float = 0.0

    @classmethod
    def all(cls) -> "Faults":
        return cls(0.02, 0.01, 0.03, 0.01, 0.01, 0.05, 0.05, 0.02, 0.005, 0.004)

    def swarm(self, rng: random.Random) -> "Faults":
        """Return these faults, each on or off by chance: faults hide each other when all are on."""
        off = {name: 0.0 for name in self.__dataclass_fields__ if rng.random() < 0.5}
        return replace(self, **off)


@dataclass
class BrokenPromiseError(AssertionError):
    """A promise that was broken, and when."""

    what: str
    at: float

    def __str__(self) -> str:
        return f"{self.what} at {self.at:.1f}"


@dataclass
class World:
    """The cluster's side. Every promise is checked here, where a wrong write would do its harm."""

    seed: int
    nodes: int = 30
    parallelism: int = 5
    faults: Faults = field(default_factory=Faults)
    make_pacer: Callable[..., Pacer] = Pacer
    max_failures: float = float("inf")
    canaries: int = 0
    old_jobs: int = 0

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)
        self.now = 0.0
        self.sequence = 0
        self.heap: list[tuple[float, int, Callable[[], None]]] = []
        self.jobs: dict[str, NodeJob] = {}
        self.present = [f"node-{number:02d}" for number in range(self.nodes)]
        self.marked: set[str] = set()
        self.succeeded: set[str] = set()
        self.failed_now: set[str] = set()
        self.starts = 0
        self.run = 0
        self.watching = False
        self.watcher: tuple[Pacer | None, int] = (None, 0)
        for node in self.present[: self.old_jobs]:
            self._start(
                NodeJob(
                    name=node,
                    uid=self._uid(),
                    node=node,
                    node_uid=node,
                    machine_id=node,
                    stage="install",
                    digest=OLD_DIGEST,
                    state=JobState.ACTIVE,
                )
            )

    # The run: a pacer, killed and started again now and then.

    def play(self) -> Pacer:
        """Run until a pacer has finished; return it."""
        while True:
            pacer = self._pacer()
            self.run += 1
            self.watching = False
            if self._drive(pacer, self.run):
                return pacer
            self.now += self.rng.uniform(1.0, 10.0)

    def _drive(self, pacer: Pacer, run: int) -> bool:
        self._tick(pacer, run)
        steps = 0
        while not pacer.finished:
            steps += 1
            if steps > 60_000 or not self.heap or self.now > HORIZON:
                raise BrokenPromiseError(f"no end: {pacer.nodes.progress}", self.now)
            self.now, _, event = heapq.heappop(self.heap)
            event()
            if self.rng.random() < self.faults.killed:
                return False
            self._tick(pacer, run)
        return True

    def _tick(self, pacer: Pacer, run: int) -> None:
        for command in pacer.poll(self.now):
            self._after(self.rng.uniform(0.001, 0.3), functools.partial(self._serve, pacer, run, command))
        wakeup = pacer.wakeup(self.now)
        if not any(at <= wakeup for at, _, _ in self.heap[:1]):
            self._after(wakeup - self.now, lambda: None)

    def _pacer(self) -> Pacer:
        pending = [node for node in self.present if node not in self.marked]
        own = {job.node: job for job in self.jobs.values() if job.digest == DIGEST}
        steps = [self._step(number, node, own.get(node)) for number, node in enumerate(pending)]
        earlier = [step.node for step in steps if step.action is Action.RETRY]
        self.failed_now = set(earlier)
        return self.make_pacer(
            steps,
            stage="install",
            digest=DIGEST,
            parallelism=self.parallelism,
            budget=Budget(self.max_failures, earlier=earlier),
        )

    def _step(self, number: int, node: str, job: NodeJob | None) -> Step:
        action = Action.INSTALL
        if job:
            action = Action.RETRY if job.state is JobState.FAILED else Action.RESUME
        fresh_canary = action is Action.INSTALL and number < self.canaries
        wave = 1 if self.canaries and not fresh_canary and action is Action.INSTALL else 0
        return Step(node=node, node_uid=node, machine_id=node, action=action, reason="", wave=wave, canary=fresh_canary)

    # The API server.

    def _serve(self, pacer: Pacer, run: int, command: Command) -> None:
        alive = run == self.run
        if isinstance(command, ListJobs):
            if alive:
                self._list(pacer, run, command)
            return
        chance = self.rng.random()
        if chance < self.faults.throttled:
            result = Result(code=Code.THROTTLED, retry_after=self.rng.uniform(1, 3))
        elif chance < self.faults.throttled + self.faults.error:
            result = Result(code=Code.UNKNOWN)
        else:
            result = self._apply(command)
            if self.rng.random() < self.faults.lost_answer:
                result = Result(code=Code.UNKNOWN)
        if alive:
            self._after(self.rng.uniform(0.001, 0.3), lambda: self._answer(pacer, run, command, result))

    def _answer(
        self, pacer: Pacer, run: int, command: CreateJob | DeleteJob | Record | Inspect, result: Result
    ) -> None:
        if run == self.run:
            pacer.on_result(self.now, command, result)

    def _list(self, pacer: Pacer, run: int, command: ListJobs) -> None:
        failed = self.rng.random() < self.faults.list_fails
        found = None if failed else list(self.jobs.values())
        self.watching = not failed

        def answer() -> None:
            if run == self.run:
                pacer.on_list(self.now, command, found)
                self.watcher = (pacer, run)
                # What changed since the list was taken arrives by the watch.
                for job in self.jobs.values():
                    if found is not None and job not in found:
                        pacer.on_job(self.now, job)
                for job in found or ():
                    if job.uid not in {j.uid for j in self.jobs.values()}:
                        pacer.on_job(self.now, job, deleted=True)

        self._after(self.rng.uniform(0.001, 0.3), answer)

    def _apply(self, command: Command) -> Result:
        match command:
            case CreateJob(node):
                return self._create(node)
            case DeleteJob(_, name, uid):
                job = self.jobs.get(name)
                if job is None:
                    return Result(code=Code.GONE)
                if job.uid != uid:
                    return Result(code=Code.CONFLICT)
                self._check(not job.active, f"{name} deleted in mid-work")
                self._remove(job)
                return Result(code=Code.DONE)
            case Record(node):
                return self._record(node)
            case Inspect(node):
                return Result(code=Code.DONE if node in self.present else Code.GONE, text="exit code 1")
            case _:
                raise AssertionError(command)

    def _create(self, node: str) -> Result:
        if node in self.jobs:
            return Result(code=Code.CONFLICT)
        if node in self.present:
            fresh = node not in self.failed_now
            over = len(self.failed_now) > self.max_failures + self.parallelism
            self._check(not (fresh and over), f"{node} started over the failure budget")
        job = NodeJob(
            name=node,
            uid=self._uid(),
            node=node,
            node_uid=node,
            machine_id=node,
            stage="install",
            digest=DIGEST,
            state=JobState.ACTIVE,
        )
        self._check(node not in self.succeeded, f"{node} installed twice")
        self._start(job)
        return Result(code=Code.DONE, uid=job.uid)

    def _record(self, node: str) -> Result:
        if node not in self.present:
            return Result(code=Code.GONE)
        self._check(node in self.succeeded, f"{node} marked without a success")
        self.marked.add(node)
        return Result(code=Code.DONE)

    # Jobs and nodes.

    def _start(self, job: NodeJob) -> None:
        active = [other for other in self.jobs.values() if other.active]
        self._check(job.node not in {other.node for other in active}, f"two Jobs on {job.node}")
        self._check(len(active) < self.parallelism or job.digest == OLD_DIGEST, "more Jobs than parallelism")
        self.starts += 1
        self.jobs[job.name] = job
        self._tell(job)
        self._after(self.rng.uniform(0.0, 20.0), lambda: self._end(job))

    def _end(self, job: NodeJob) -> None:
        current = self.jobs.get(job.name)
        if current is None or current.uid != job.uid:
            return
        chance = self.rng.random()
        if chance < self.faults.node_deleted and len(self.present) > 1 and job.node in self.present:
            self.present.remove(job.node)
        if chance < self.faults.job_deleted:
            self._remove(current)
            return
        failed = self.rng.random() < self.faults.job_fails or job.node not in self.present
        ended = replace(current, state=JobState.FAILED if failed else JobState.SUCCEEDED)
        if not failed and job.digest == DIGEST:
            self.succeeded.add(job.node)
            self.failed_now.discard(job.node)
        elif failed and job.digest == DIGEST:
            self.failed_now.add(job.node)
        self.jobs[job.name] = ended
        self._tell(ended)

    def _remove(self, job: NodeJob) -> None:
        del self.jobs[job.name]
        self._tell(job, deleted=True)

    def _tell(self, job: NodeJob, *, deleted: bool = False) -> None:
        if not self.watching:
            return
        pacer, run = self.watcher
        if pacer is None or run != self.run or self.rng.random() < self.faults.dropped_event:
            return

        def tell() -> None:
            if run == self.run and self.watching:
                pacer.on_job(self.now, job, deleted=deleted)

        self._after(0.05, tell)
        if self.rng.random() < self.faults.watch_expires:
            self.watching = False
            self._after(0.1, lambda: pacer.on_expired(self.now) if run == self.run else None)

    def _after(self, delay: float, event: Callable[[], None]) -> None:
        self.sequence += 1
        heapq.heappush(self.heap, (self.now + max(0.0, delay), self.sequence, event))

    def _uid(self) -> str:
        self.sequence += 1
        return f"uid-{self.sequence}"

    def _check(self, holds: bool, what: str) -> None:
        if not holds:
            raise BrokenPromiseError(what, self.now)


def settled(world: World, pacer: Pacer) -> Iterable[str]:
    """Return the nodes that are neither marked nor named as failed nor waiting for a reason: lost ones."""
    told = {failure.node for failure in pacer.nodes.failures} | world.marked
    return [node for node in world.present if node not in told and pacer.budget.allows(node)]
