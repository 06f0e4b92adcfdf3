"""Checks waves and soaks where Jobs are created, with arithmetic of its own."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.simulation.broken import BrokenPromiseError
from tests.simulation.machine import Machine
from tests.simulation.setting import Setting


@dataclass
class _Plan:
    """What a run saw when it planned."""

    selected: Sequence[Machine]
    begun: Sequence[frozenset[str] | None]
    """The digests that each selected machine was tried at, None if the plan may have seen less."""
    started: list[Machine] = field(default_factory=list)
    """The machines that this run was the first to try."""
    asked: Counter[str] = field(default_factory=Counter)
    """How often it has tried to create a node's Job; without a Job, that counts as a failure."""

    def tried(self, digest: str) -> range:
        """Return how many machines the run may count as tried at a digest so far."""
        sure = sum(begun is not None and digest in begun for begun in self.begun)
        # A node that is unfit at its turn is left out, and its wave goes on without it.
        begun_or_unfit = zip(self.selected, self.begun, strict=True)
        doubtful = sum(
            begun is None or (m not in self.started and m.unfit) for m, begun in begun_or_unfit
        )
        doubtful += len(self.asked) - len(self.started)
        return range(sure + len(self.started), sure + doubtful + len(self.started) + 1)


class Pace:
    """Checks that no node starts before its wave is open and the soak is over.

    Across runs a soak is measured by the time of day, so it is not checked unless `clocks_agree`.
    """

    def __init__(self, setting: Setting, clocks_agree: Callable[[], bool]) -> None:
        self._setting = setting
        self._clocks_agree = clocks_agree
        self._plans: dict[str, _Plan] = {}

    def plan(self, run: str, selected: Sequence[Machine]) -> None:
        """Note what a run plans with; what it reads after its first start is for other purposes."""
        if run not in self._plans or not self._plans[run].started:
            begun = [
                None if m.murky else frozenset({m.installed, m.begun_at, *m.failed})
                for m in selected
            ]
            self._plans[run] = _Plan(selected, begun)

    def planned(self, run: str) -> list[Machine]:
        """Return the machines that a run has selected, of those that are still there."""
        selected = self._plans[run].selected if run in self._plans else []
        return [machine for machine in selected if not machine.gone]

    def asks(self, run: str, node: str) -> None:
        """Note that a run tries to create the Job of a node."""
        if run in self._plans:
            self._plans[run].asked[node] += 1

    def has_asked(self, run: str, node: str) -> bool:
        """Return whether a run tries again to create the Job of a node, perhaps after no answer."""
        return run in self._plans and self._plans[run].asked[node] > 1

    def before_install(
        self, run: str, machine: Machine, digest: str, at_work: int, now: float, *, canary: bool
    ) -> None:
        """Check that the wave of a machine that was never tried at this digest is open.

        `at_work` is the number of others that are being tried for the first time.
        """
        plan = self._plans[run]
        if machine.begun(digest) or machine in plan.started:
            return
        tried, total = plan.tried(digest), len(plan.selected)
        reach = self._setting.reach(total)
        # One node of each kind may always start.
        if reach and not canary and all(at_work > count - _before(reach, count) for count in tried):
            raise BrokenPromiseError(
                f"{machine.name} starts while {at_work} of the waves before it are at work"
            )
        kinds = len({m.kind for m in plan.selected})
        ends = {*reach, kinds} if self._setting.sizes[:1] == ("canary",) else set(reach)
        soak = self._setting.soak_seconds if self._clocks_agree() else 0
        done = [m.installed_at for m in plan.selected if m is not machine and m.installed == digest]
        if done and now - max(done) < soak and not canary and all(count in ends for count in tried):
            raise BrokenPromiseError(
                f"{machine.name} starts {now - max(done):.1f} s after a wave that soaks {soak} s"
            )
        plan.started.append(machine)


def _before(reach: Sequence[int], count: int) -> int:
    """Return how many nodes come in the waves before that of the next node."""
    return max((size for size in reach if size <= count), default=0)
