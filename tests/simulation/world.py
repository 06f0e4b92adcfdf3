"""Virtual time, chance, and the fates of machines: all that surrounds the runs of one history."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

from kata_components.errors import KataDeployError, KubeconfigError, UnreachableError
from tests.simulation.accidents import Accidents
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.faults import Faults
from tests.simulation.processes import Process
from tests.simulation.setting import Setting, happens
from tests.simulation.site import SHORTEST_JOB, Site
from tests.simulation.weather import Weather

SLOW_JOB = (200.0, 500.0)


class World:
    """Everything in a history but the program: `after` schedules events, `run_until` runs them."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.rng = random.Random(seed)
        self.setting = Setting.drawn(self.rng, faults, seed)
        self.faults = faults
        self.now = 0.0
        self.weather = Weather()
        self.quota = self.setting.quota
        self.processes: list[Process] = []
        self.kill_in: dict[str, int] = {}
        """How many more crash points each process passes before it is killed."""
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0
        self.steps = 0
        self.kills = 0
        self.clocks_agree = True
        """Whether all machines have the same time of day."""
        self.met: Counter[str] = Counter()
        """How often rare faults have occurred."""
        self.site = Site(self)
        self.accidents = Accidents(self)
        for number in range(self.setting.nodes):
            self.site.boot(f"node-{number}", number % self.setting.kinds)

    def chance(self, probability: float) -> bool:
        return happens(self.rng, probability)

    def job_seconds(self) -> float:
        """Return how long a Job takes.

        It restarts a container runtime, so it takes longer than a request can be late.
        """
        if self.chance(self.faults.slow_job):
            self.met["slow_job"] += 1
            return self.rng.uniform(*SLOW_JOB)
        return self.rng.uniform(SHORTEST_JOB, SHORTEST_JOB + self.setting.slowest_job)

    def after(self, seconds: float, happen: Callable[..., None], *arguments: Any) -> None:
        self.at(self.now + max(0.0, seconds), happen, *arguments)

    def at(self, when: float, happen: Callable[..., None], *arguments: Any) -> None:
        self._sequence += 1
        heapq.heappush(self._heap, (when, self._sequence, happen, arguments))

    def run_until(self, done: Callable[[], bool], limit: float, what: str) -> None:
        """Run events until `done`; taking longer than `limit` seconds is a broken promise."""
        end = self.now + limit
        while not done():
            self.steps += 1
            process = min(self.processes, key=lambda process: process.wakes_at, default=None)
            next_step = process.wakes_at if process else float("inf")
            planned = self._heap[0][0] if self._heap else float("inf")
            if min(next_step, planned) > end or self.steps > 200_000:
                raise BrokenPromiseError(f"{what}: no end after {self.now - end + limit:.0f} s")
            if planned <= next_step or process is None:
                self.now, _, happen, arguments = heapq.heappop(self._heap)
                happen(*arguments)
                continue
            self.now = next_step
            if not process.dead:
                process.advance(self.now)
            if process.ended:
                self.processes.remove(process)
                self.ended(process)

    def ended(self, process: Process) -> None:
        """Check the end of a run: only with an error of the product, and not for a short outage."""
        if process.dead or process.task.cancelled():
            return
        error = process.task.exception()
        if error and not isinstance(error, KataDeployError):
            raise error
        waits = process.paces and not process.destroys and not self.weather.is_long
        if isinstance(error, UnreachableError | KubeconfigError) and waits:
            raise BrokenPromiseError(
                f"{process.name} does not wait for an API server it has paced with: {error}"
            )

    def rest(self, seconds: float) -> None:
        """Let time pass."""
        over: list[bool] = []
        self.after(seconds, over.append, True)
        self.run_until(lambda: bool(over), seconds + 1.0, "time passing")

    def check(self) -> None:
        if self.site.violations:
            raise BrokenPromiseError(self.site.violations[0])

    def crash_point(self, process: Process) -> None:
        """Perhaps kill a process where it does most harm: right before or after a request."""
        left = self.kill_in.get(process.name)
        if left is None or process.dead:
            return
        self.kill_in[process.name] = left - 1
        if left == 0:
            # Not within its own step.
            self.at(self.now, self.kill, process)
            process.dead = True

    def kill(self, process: Process) -> None:
        if process in self.processes:
            self.processes.remove(process)
        self.kills += 1
        process.kill()
