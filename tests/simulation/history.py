"""One history: runs of `up` and `destroy` under faults, then calm, and a last run that must bring all to its end."""

import contextlib
import functools
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from math import inf
from typing import Any
from unittest import mock

from kata_components import names
from kata_components.errors import ApiError, GuardError
from kata_components.rollout import mark as node_mark
from kata_components.rollout.digest import current, host_digests
from kata_components.runner import anchor, clock, install, lease
from kata_components.runner.anchor import Ending
from kata_components.runner.cleanup import CleanupRequest
from kata_components.runner.preview import preview
from tests.runner.fake_api import forbidden
from tests.runner.support import LEASE, NAMESPACE, STACK, request, template
from tests.simulation.faults import Faults
from tests.simulation.network import NetworkApi
from tests.simulation.processes import CURRENT, Process
from tests.simulation.promises import BrokenPromiseError
from tests.simulation.site import NODE_TIMEOUTS
from tests.simulation.world import World

IMAGES = ("kata:1", "kata:2")
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
_LONGEST_RUN = 20_000.0
_MOST_CALLS_BEFORE_A_KILL = 80


@contextlib.contextmanager
def simulated() -> Iterator[None]:
    """Make the program ask its process for clock and name, since many run in this one."""

    def elapsed() -> float:
        return CURRENT.get().boot_time()

    def time_of_day() -> datetime:
        return BEGINNING + timedelta(seconds=elapsed())

    def name_of_run() -> str:
        return CURRENT.get().name

    held = functools.partial(lease.held, clock=elapsed)
    with (
        mock.patch.object(clock, "time_of_day", time_of_day),
        mock.patch.object(install, "held", held),
        mock.patch.object(anchor, "held", held),
        mock.patch.object(lease, "holder_name", name_of_run),
    ):
        yield


@dataclass
class Stack:
    """What Pulumi's state holds between runs: the id of the installation, empty before it exists."""

    installation: str = ""
    creator: Process | None = None


class History:
    """All runs of one stack on one cluster, drawn from a seed."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.world = World(seed, faults)
        self.stack = Stack()
        self.runs = 0
        self.image = IMAGES[0]
        self.timeout = NODE_TIMEOUTS[0]

    def play(self) -> None:
        """Live through it.

        Raises:
            BrokenPromiseError: a promise was broken.
        """
        world, faults = self.world, self.world.faults
        for _ in range(world.rng.randint(1, 4)):
            self._trouble(faults)
        self._calm()
        self._last_up()
        if world.rng.random() < 0.4:
            self._last_destroy()

    def close(self) -> None:
        for process in list(self.world.processes):
            self.world.kill(process)

    # Trouble.

    def _trouble(self, faults: Faults) -> None:
        world = self.world
        if world.chance(faults.other_digest):
            self.image = world.rng.choice(IMAGES)
        if world.chance(faults.other_timeout):
            self.timeout = world.rng.choice(NODE_TIMEOUTS)
        destroys = world.chance(faults.destroys)
        runs = [self._start(self._destroy if destroys else self._up)]
        if world.chance(faults.company):
            world.rest(world.rng.uniform(0.0, 40.0))
            if world.chance(faults.lease_deleted):
                world.site.leases.clear()
            runs.append(self._start(self._destroy if world.chance(faults.destroys) else self._up))
        for run in runs:
            self._draw_fate(run)
        if world.chance(faults.outage):
            world.after(world.rng.uniform(0.0, 40.0), self._go_down, world.rng.choice([5.0, 30.0, 400.0]))
        if world.chance(faults.denied):
            world.after(world.rng.uniform(0.0, 60.0), self._deny, world.rng.choice([20.0, 200.0, inf]))
        if world.chance(faults.lease_deleted):
            world.after(world.rng.uniform(0.0, 60.0), world.site.leases.clear)
        world.after(world.rng.uniform(0.0, 100.0), world.accident_somewhere)
        if world.rng.random() < 0.7:
            world.run_until(lambda: all(run.ended for run in runs), _LONGEST_RUN, "a run")
        else:
            world.rest(world.rng.uniform(0.0, 60.0))

    def _draw_fate(self, run: Process) -> None:
        world, faults = self.world, self.world.faults
        if world.chance(faults.killed):
            world.kill_in[run.name] = world.rng.randrange(_MOST_CALLS_BEFORE_A_KILL)
        if world.chance(faults.interrupted):
            world.after(world.rng.uniform(0.0, 60.0), self._interrupt, run)
        if world.chance(faults.sleeps):
            world.after(world.rng.uniform(0.0, 60.0), self._sleep, run, world.rng.choice([5.0, 14.0, 40.0, 1000.0]))
        if world.chance(faults.clock_jumps):
            world.after(world.rng.uniform(0.0, 60.0), run.jump, world.rng.choice([5.0, 100.0]))

    def _sleep(self, run: Process, seconds: float) -> None:
        if not run.ended:
            run.sleep(self.world.now, seconds)

    def _interrupt(self, run: Process) -> None:
        if not run.ended:
            run.interrupt(self.world.now)

    def _go_down(self, seconds: float) -> None:
        if self.world.faults.any:
            self.world.down_until = self.world.now + seconds

    def _deny(self, seconds: float) -> None:
        world = self.world
        if world.faults.any:
            world.met["denied"] += 1
            world.denied_until = world.now + seconds
            world.denial = world.rng.choice([forbidden("do it"), ApiError(401, "Unauthorized", "Unauthorized")])

    # Calm.

    def _calm(self) -> None:
        """End all faults; what runs must end by itself."""
        world = self.world
        world.faults = Faults()
        world.kill_in.clear()
        world.down_until = world.denied_until = 0.0
        world.site.let_all_go()
        for name in world.site.nodes:
            world.site.set_ready(name, ready=True)
        world.run_until(lambda: not world.processes, _LONGEST_RUN, "a run after the faults")
        world.rest(2 * 60.0)
        world.run_until(lambda: not world.site.active, _LONGEST_RUN, "the Jobs after the faults")
        for name in world.site.nodes:
            world.site.set_ready(name, ready=True)

    def _last_up(self) -> None:
        site = self.world.site
        run = self._finish(self._up, "the last up")
        key = names.mark_annotation("")
        marks = {name: node_mark.parse(node["metadata"]["annotations"].get(key)) for name, node in site.nodes.items()}
        self.world.promises.all_installed(site.nodes, current(host_digests(template("install", self.image))), marks)
        if site.leases[LEASE]["spec"].get("holderIdentity") == run.name:
            raise BrokenPromiseError("the last up left its Lease held")
        self.world.promises.no_finished_jobs(site.nodes, site.jobs)

    def _last_destroy(self) -> None:
        site = self.world.site
        self._finish(self._destroy, "the last destroy")
        self.world.promises.nothing_left(site.nodes, site.jobs, site.leases)

    def _finish(self, main: Callable[[NetworkApi], Coroutine[Any, Any, None]], what: str) -> Process:
        run = self._start(main)
        self.world.run_until(lambda: run.ended, _LONGEST_RUN, what)
        error = run.task.exception()
        if error:
            raise BrokenPromiseError(f"{what} failed: {error}") from error
        return run

    # Runs.

    def _start(self, main: Callable[[NetworkApi], Coroutine[Any, Any, None]]) -> Process:
        self.runs += 1
        process = Process(f"run-{self.runs}", self.world.now)
        process.start(main(NetworkApi(self.world, process)))
        self.world.processes.append(process)
        return process

    async def _up(self, api: NetworkApi) -> None:
        """As the two resources of the stack do: the installation first, then the rollout."""
        if not self.stack.installation:
            if self.stack.creator and not self.stack.creator.ended:
                raise GuardError("Pulumi locks a stack")
            self.stack.creator = CURRENT.get()
            self.stack.installation = await anchor.establish(api, NAMESPACE, LEASE, stack=STACK)
        elif await anchor.find_lease(api, NAMESPACE, LEASE) is None:
            await anchor.restore(api, NAMESPACE, LEASE, stack=STACK, installation=self.stack.installation)
        setting = self.world.setting
        wanted = replace(
            request(setting.parallelism, waves=setting.sizes),
            job=template("install", self.image),
            max_failures=setting.max_failures,
            soak_seconds=setting.soak_seconds,
            not_ready=setting.not_ready,
            node_timeout_seconds=self.timeout,
        )
        found = await preview(api, wanted)
        if found.refusals:
            raise GuardError("\n".join(found.refusals))
        if found.plan.pending or found.plan.leftover:
            await install.install(api, wanted, say=_nothing, on_progress=_nothing)

    async def _destroy(self, api: NetworkApi) -> None:
        if not self.stack.installation:
            return
        cleanup = CleanupRequest(
            namespace=NAMESPACE,
            suffix="",
            job=template("cleanup"),
            parallelism=self.world.setting.parallelism,
            node_timeout_seconds=self.timeout,
        )
        ending = Ending(
            namespace=NAMESPACE,
            suffix="",
            stack=STACK,
            installation=self.stack.installation,
            cluster_uid="cluster-1",
            cleanup=cleanup,
        )
        number = self.runs
        alone = all(run.ended or run is CURRENT.get() for run in self.world.processes)
        await anchor.end(api, ending, say=_nothing, on_progress=_nothing)
        self.stack.installation = ""
        if alone and self.runs == number:
            site = self.world.site
            self.world.promises.nothing_left(site.nodes, site.jobs, site.leases)


def _nothing(*_: Any) -> None:
    """Stand for what shows messages and progress."""


def faults_of(seed: int) -> Faults:
    """Return all faults for even seeds and a swarm of them for odd ones: each mix finds what the other hides."""
    return Faults.all() if seed % 2 == 0 else Faults.all().swarm(random.Random(seed))


def play(seed: int, **often: float) -> History:
    """Play one history and return it; `often` are faults with other probabilities than usual.

    Raises:
        BrokenPromiseError: a promise was broken; the text says how to see it again.
    """
    history = History(seed, replace(faults_of(seed), **often))
    try:
        with simulated():
            history.play()
    except BrokenPromiseError as error:
        error.add_note(f"at {history.world.now:.1f} s of seed {seed}; again: python -m tests.simulation {seed}")
        raise
    finally:
        history.close()
    return history
