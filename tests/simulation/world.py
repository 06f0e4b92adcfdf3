"""Virtual time, chance and the fates of machines: what goes on around the runs of one simulated history."""

import heapq
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from kata_components.errors import KataDeployError
from tests.runner.fake_api import forbidden
from tests.simulation.faults import Faults
from tests.simulation.processes import Process
from tests.simulation.promises import BrokenPromiseError, Promises
from tests.simulation.site import SHORTEST_JOB, Site

SLOW_JOB = (200.0, 500.0)


@dataclass(frozen=True, kw_only=True)
class Setting:
    """The fleet and the configuration of one history."""

    nodes: int
    kinds: int
    parallelism: int
    max_failures: int | str
    sizes: tuple[str | int, ...]
    slowest_job: float
    soak_seconds: int = 0
    not_ready: Literal["skip", "attempt"] = "skip"

    @classmethod
    def drawn(cls, rng: random.Random, faults: Faults) -> "Setting":
        drawn = cls(
            nodes=rng.randint(1, 8),
            kinds=rng.randint(1, 2),
            parallelism=rng.randint(1, 3),
            max_failures=rng.choice([0, 1, 3, 100]),
            sizes=rng.choice([(), ("canary", "100%"), ("canary", "50%", "100%"), (1, "100%")]),
            slowest_job=rng.choice([1.0, 20.0, 60.0]),
        )
        if happens(rng, faults.soaks):
            drawn = replace(drawn, soak_seconds=rng.choice([5, 30]))
        if happens(rng, faults.attempts):
            drawn = replace(drawn, not_ready="attempt")
        if happens(rng, faults.percentages):
            drawn = replace(drawn, max_failures=rng.choice(["0%", "10%", "50%", "100%"]))
        return drawn

    @property
    def allowed(self) -> int:
        """How many nodes may fail; of a fleet that has lost nodes a share is no more."""
        if isinstance(self.max_failures, str):
            return self.nodes * int(self.max_failures.removesuffix("%")) // 100
        return self.max_failures


def happens(rng: random.Random, probability: float) -> bool:
    """Draw. What can never happen takes no number, so that the other draws stay as they are."""
    return probability > 0.0 and rng.random() < probability


class World:
    """Everything of a history that is not the program: `after` plans what happens, `run_until` lets it happen."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.rng = random.Random(seed)
        self.setting = Setting.drawn(self.rng, faults)
        self.faults = faults
        self.now = 0.0
        self.down_until = 0.0
        self.denied_until = 0.0
        self.denial: Exception = forbidden("do it")
        self.processes: list[Process] = []
        self.kill_in: dict[str, int] = {}
        """How many more crash points a process passes before it is killed."""
        self._heap: list[tuple[float, int, Callable[..., None], tuple[Any, ...]]] = []
        self._sequence = 0
        self.steps = 0
        self.kills = 0
        self.met: Counter[str] = Counter()
        """How often rare faults have happened."""
        setting = self.setting
        self.promises = Promises(setting.parallelism, setting.allowed, setting.sizes[:1] == ("canary",))
        self.site = Site(self, self.promises)
        for number in range(setting.nodes):
            self.site.boot(f"node-{number}", number % setting.kinds)

    def chance(self, probability: float) -> bool:
        return happens(self.rng, probability)

    def job_seconds(self) -> float:
        """Return how long a Job takes: longer than a request can be late, since it restarts a container runtime."""
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
        """Let things happen until `done`; that it takes longer than `limit` seconds is a broken promise."""
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
        """A run may end with an error of the project's own, never with another."""
        if process.dead or process.task.cancelled():
            return
        error = process.task.exception()
        if error and not isinstance(error, KataDeployError):
            raise error

    def rest(self, seconds: float) -> None:
        """Let so much time pass."""
        over: list[bool] = []
        self.after(seconds, over.append, True)
        self.run_until(lambda: bool(over), seconds + 1.0, "time passing")

    def check(self) -> None:
        if self.site.violations:
            raise BrokenPromiseError(self.site.violations[0])

    def crash_point(self, process: Process) -> None:
        """A place where a kill does the most harm: before a request is sent, and between its effect and its answer."""
        left = self.kill_in.get(process.name)
        if left is None or process.dead:
            return
        self.kill_in[process.name] = left - 1
        if left == 0:
            # Not from inside its own step.
            self.at(self.now, self.kill, process)
            process.dead = True

    def kill(self, process: Process) -> None:
        if process in self.processes:
            self.processes.remove(process)
        self.kills += 1
        process.kill()

    def accident_somewhere(self) -> None:
        """What may befall a machine or a Job at any other time."""
        self.accident(self.rng.choice([*self.site.nodes, ""]), self.rng.choice([*self.site.jobs, ""]))

    def accident(self, node: str, job: str) -> None:
        """What may befall a machine or a Job at the moment it would have ended."""
        site, faults = self.site, self.faults
        if self.chance(faults.job_deleted):
            site.job_deleted_by_somebody(job)
        if node not in site.nodes:
            return
        kind = self.promises.machines[node].kind
        if self.chance(faults.node_deleted) and len(site.nodes) > 1:
            site.remove_node(node)
        elif self.chance(faults.node_replaced):
            site.remove_node(node)
            if self.rng.random() < 0.5:
                site.boot(node, kind)
            else:
                self.after(self.rng.uniform(0.0, 30.0), self._boot_again, node, kind)
        elif self.chance(faults.node_reimaged):
            site.boot(node, kind, reimage=True)
        elif self.chance(faults.node_not_ready):
            site.set_ready(node, ready=False)
            self.after(self.rng.choice([5.0, 60.0, 600.0]), lambda: site.set_ready(node, ready=True))

    def _boot_again(self, node: str, kind: int) -> None:
        if node not in self.site.nodes:
            self.site.boot(node, kind)
