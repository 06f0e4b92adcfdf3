"""One history: runs of `up` and `destroy` under faults, then calm, and runs that must succeed."""

import contextlib
import functools
import random
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from math import inf
from typing import Any
from unittest import mock

from kata_components import names
from kata_components.errors import GuardError
from kata_components.runners import clock, lease
from tests.model.installation import STACK
from tests.model.store import HOME
from tests.simulation import endings
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.faults import Faults
from tests.simulation.hosts import handler_of
from tests.simulation.network import NetworkApi
from tests.simulation.processes import CURRENT, Process
from tests.simulation.promises import Promises
from tests.simulation.site import BEGINNING, NODE_TIMEOUTS
from tests.simulation.stack import IMAGES, Stack
from tests.simulation.weather import CHANGES
from tests.simulation.world import World

SECOND = (("other/second", HOME, "b"), ("other/third", "team-b", "c"))
RIVAL = ("other/rival", "team-b", "")
_LONGEST_RUN = 20_000.0
_MOST_CALLS_BEFORE_A_KILL = 80


@contextlib.contextmanager
def simulated() -> Iterator[None]:
    """Give the program the clock and the name of the simulated process that it runs in."""

    def elapsed() -> float:
        return CURRENT.get().boot_time()

    def time_of_day() -> datetime:
        return BEGINNING + timedelta(seconds=CURRENT.get().wall_time())

    def name_of_run() -> str:
        return CURRENT.get().name

    hold_lease = functools.partial(lease.hold_lease, clock=elapsed)
    with (
        mock.patch.object(clock, "time_of_day", time_of_day),
        mock.patch("kata_components.runners.run.hold_lease", hold_lease),
        mock.patch.object(lease, "holder_identity", name_of_run),
    ):
        yield


class History:
    """All runs of one or two stacks on one cluster, drawn from a seed."""

    def __init__(self, seed: int, faults: Faults) -> None:
        self.world = World(seed, faults)
        self.runs = 0
        self.stacks = [self._stack(STACK, HOME, "")]
        if self.world.chance(faults.second):
            self.world.met["second"] += 1
            self.stacks.append(self._stack(*self.world.rng.choice(SECOND)))
        if self.world.setting.foreign:
            self._install_with_helm(list(self.world.site.nodes)[: self.world.setting.foreign])

    def _install_with_helm(self, nodes: list[str]) -> None:
        site = self.world.site
        site.objects[f"namespaces/{HOME}/daemonsets/kata-deploy"] = {
            "metadata": {"name": "kata-deploy"}
        }
        for name in nodes:
            site.nodes[name]["metadata"]["labels"][names.RUNTIME_LABEL] = "true"
            site.serve(name, handler_of(""), kata=True)
            machine = self.stacks[0].promises.machines[name]
            machine.foreign = machine.kept_label = True

    def _stack(self, name: str, namespace: str, suffix: str) -> Stack:
        world = self.world
        promises = Promises(
            namespace, suffix, world.setting, lambda: world.now, lambda: world.clocks_agree
        )
        world.site.watched_by(promises)
        world.site.objects[f"namespaces/{namespace}"] = {
            "metadata": {"name": namespace, "uid": "cluster-1"}
        }
        token_free = world.setting.token_free and not world.setting.upgrades
        return Stack(name, world, promises, token_free=token_free)

    def play(self) -> None:
        """Play the history.

        Raises:
            BrokenPromiseError: A promise was broken.
        """
        world, faults = self.world, self.world.faults
        for _ in range(world.rng.randint(1, 4)):
            self._trouble(faults)
        self._calm()
        for stack in self.stacks:
            if world.setting.token_free and not stack.token_free:
                stack.upgrade()
            self._last_up(stack)
        if world.chance(faults.rival):
            self._rival_comes()
        for number, stack in enumerate(reversed(self.stacks), 1):
            if world.rng.random() < 0.4:
                self._last_destroy(stack, self.stacks[:-number])

    @property
    def work(self) -> tuple[int, int]:
        """The numbers of install and cleanup Jobs."""
        found = [stack.promises for stack in self.stacks]
        return sum(promises.installs for promises in found), sum(
            promises.cleanups for promises in found
        )

    def close(self) -> None:
        for process in list(self.world.processes):
            self.world.kill(process)

    # Trouble.

    def _trouble(self, faults: Faults) -> None:
        world = self.world
        stack = world.rng.choice(self.stacks)
        if world.chance(faults.other_digest):
            stack.image = world.rng.choice(IMAGES)
        stack.may_upgrade()
        if world.chance(faults.other_timeout):
            stack.timeout = world.rng.choice(NODE_TIMEOUTS)
        runs = [self._start(stack, destroys=world.chance(faults.destroys))]
        if world.chance(faults.company) or len(self.stacks) > 1:
            world.rest(world.rng.uniform(0.0, 40.0))
            if world.chance(faults.lease_deleted):
                self._delete_leases()
            runs.append(
                self._start(world.rng.choice(self.stacks), destroys=world.chance(faults.destroys))
            )
        for run in runs:
            self._draw_fate(run)
        self._draw_weather(faults)
        if world.chance(faults.lease_deleted):
            world.after(world.rng.uniform(0.0, 60.0), self._delete_leases)
        world.after(world.rng.uniform(0.0, 100.0), world.accidents.somewhere)
        if world.chance(faults.churn):
            for _ in range(10):
                world.after(world.rng.uniform(0.0, 400.0), world.accidents.somewhere)
        if world.rng.random() < 0.7:
            world.run_until(lambda: all(run.ended for run in runs), _LONGEST_RUN, "a run")
        else:
            world.rest(world.rng.uniform(0.0, 60.0))

    def _delete_leases(self) -> None:
        for inside in self.world.site.namespaces.values():
            inside.leases.clear()

    def _draw_fate(self, run: Process) -> None:
        world, faults = self.world, self.world.faults
        if world.chance(faults.killed):
            world.kill_in[run.name] = world.rng.randrange(_MOST_CALLS_BEFORE_A_KILL)
        if world.chance(faults.interrupted):
            world.after(world.rng.uniform(0.0, 60.0), self._interrupt, run)
        if world.chance(faults.sleeps):
            world.after(
                world.rng.uniform(0.0, 60.0),
                self._sleep,
                run,
                world.rng.choice([5.0, 14.0, 40.0, 1000.0]),
            )
        if world.chance(faults.clock_jumps):
            world.clocks_agree = False
            world.after(world.rng.uniform(0.0, 60.0), run.jump, world.rng.choice([5.0, 100.0]))
        if world.chance(faults.clock_set):
            world.clocks_agree = False
            world.after(
                world.rng.uniform(0.0, 60.0),
                run.set_clock,
                world.rng.choice([-600.0, -5.0, 5.0, 600.0]),
            )

    def _sleep(self, run: Process, seconds: float) -> None:
        if not run.ended:
            run.sleep(self.world.now, seconds)

    def _interrupt(self, run: Process) -> None:
        if not run.ended:
            run.interrupt(self.world.now)

    def _draw_weather(self, faults: Faults) -> None:
        for fault in CHANGES:
            if self.world.chance(getattr(faults, fault)):
                self.world.after(self.world.rng.uniform(0.0, 60.0), self._change_weather, fault)

    def _change_weather(self, fault: str) -> None:
        world = self.world
        if world.faults.any:
            world.met[fault] += 1
            world.weather.change(fault, world.now, world.rng)

    # Calm.

    def _calm(self) -> None:
        """End all faults; runs that are still active must end by themselves."""
        world = self.world
        world.faults = Faults()
        world.kill_in.clear()
        world.weather.clear_up()
        world.quota = inf
        world.site.let_all_go()
        world.site.recover()
        for name in world.site.nodes:
            world.site.set_ready(name, ready=True)
            if not world.setting.cleans:
                world.site.select(name, selected=True)
        world.run_until(lambda: not world.processes, _LONGEST_RUN, "a run after the faults")
        world.rest(2 * 60.0)
        world.run_until(lambda: not world.site.active, _LONGEST_RUN, "the Jobs after the faults")
        for name in world.site.nodes:
            world.site.set_ready(name, ready=True)
        world.site.recover()
        if not any(map(world.site.is_selected, world.site.nodes)):
            world.site.select(next(iter(world.site.nodes)), selected=True)

    def _last_up(self, stack: Stack) -> None:
        site, promises = self.world.site, stack.promises
        run = self._finish(stack, "the last up")
        endings.all_installed(site, promises, stack.digest)
        endings.lease_is_free(site, promises, run.name)
        endings.no_finished_jobs(site, promises)
        if self.world.setting.cleans:
            endings.deselected_are_clean(site, promises)

    def _last_destroy(self, stack: Stack, others: list[Stack]) -> None:
        self._finish(stack, "the last destroy", destroys=True)
        endings.nothing_left(self.world.site, stack.promises)
        for other in others:
            endings.others_kept(self.world.site, other.promises)

    def _rival_comes(self) -> None:
        """Let a stack in another namespace try to install and then to destroy the installation."""
        self.world.met["rival"] += 1
        rival = self._stack(*RIVAL)
        if not isinstance(self._ended(rival, "the rival's up").task.exception(), GuardError):
            raise BrokenPromiseError("the same installation from another namespace is not refused")
        self._ended(rival, "the rival's destroy", destroys=True)
        endings.others_kept(self.world.site, self.stacks[0].promises)

    def _finish(self, stack: Stack, what: str, *, destroys: bool = False) -> Process:
        run = self._ended(stack, what, destroys=destroys)
        error = run.task.exception()
        if error:
            raise BrokenPromiseError(f"{what} failed: {error}") from error
        return run

    def _ended(self, stack: Stack, what: str, *, destroys: bool = False) -> Process:
        run = self._start(stack, destroys=destroys)
        self.world.run_until(lambda: run.ended, _LONGEST_RUN, what)
        return run

    # Runs.

    def _start(self, stack: Stack, *, destroys: bool) -> Process:
        self.runs += 1
        stack.runs += 1
        process = Process(f"run-{self.runs}", self.world.now, stack.promises, destroys=destroys)
        main: Callable[[NetworkApi], Coroutine[Any, Any, None]] = (
            stack.destroy if destroys else stack.up
        )
        process.start(main(NetworkApi(self.world, process)))
        self.world.processes.append(process)
        return process


def faults_of(seed: int) -> Faults:
    """Return all faults for even seeds, some for odd ones: each mix finds what the other hides."""
    return Faults.all() if seed % 2 == 0 else Faults.all().swarm(random.Random(seed))


def play(seed: int, **often: float) -> History:
    """Play one history and return it; `often` overrides the probabilities of faults.

    Raises:
        BrokenPromiseError: A promise was broken; a note says how to replay the history.
    """
    history = History(seed, replace(faults_of(seed), **often))
    try:
        with simulated():
            history.play()
    except BrokenPromiseError as error:
        error.add_note(
            f"at {history.world.now:.1f} s of seed {seed}; again: python -m tests.simulation {seed}"
        )
        raise
    finally:
        history.close()
    return history
