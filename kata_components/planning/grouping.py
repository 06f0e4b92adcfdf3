"""The plan in few groups: nodes to which the same happens for the same reason. Pure.

A group is a line of the preview, so there are never more than `MOST`, whatever the fleet.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from enum import Enum, auto
from functools import partial
from typing import Final

from kata_components.planning.plan import NOTHING, Plan
from kata_components.planning.step import Action, Step

MOST: Final = 10
"""How many groups a plan has at most."""


class Part(Enum):
    """What a group belongs to, in the order of the preview."""

    ROLLOUT = auto()
    CLEANUP = auto()
    SKIPPED = auto()
    """The selected nodes that are left alone; those of the cleanup are with the cleanup."""


@dataclass(frozen=True)
class Group:
    """Nodes of the plan that are told of together."""

    part: Part
    steps: Sequence[Step]

    @property
    def actions(self) -> dict[str, int]:
        """How many nodes each action has, in the order of the actions."""
        counted = Counter(step.action for step in self.steps)
        return {action.value: counted[action] for action in Action if counted[action]}

    @property
    def reasons(self) -> list[str]:
        """The different reasons, those of most nodes first."""
        return [reason for reason, _ in Counter(step.reason for step in self.steps).most_common()]

    @property
    def waves(self) -> list[int]:
        """The waves it spans, as a step counts them."""
        return sorted({step.wave for step in self.steps})


Key = Callable[[Step], Hashable]


def groups(plan: Plan, cleanup: Plan = NOTHING) -> list[Group]:
    """Return every node that is touched or skipped in one group; nodes up to date are in none.

    As long as there are too many groups, the part with the most gets coarser: first the reasons of
    an action are put together, then the actions of a wave, then the last waves. Reasons to skip a
    node are only put together with those of the same kind.
    """
    pending = sorted(plan.pending, key=lambda step: step.wave)
    skipped = [step for step in plan.steps if step.action is Action.SKIPPED]
    parts = [
        _groupings(Part.ROLLOUT, pending, _rollout_keys(pending)),
        _groupings(Part.CLEANUP, cleanup.steps, [_action_and_reason, lambda step: step.action]),
        _groupings(Part.SKIPPED, skipped, [lambda step: step.reason, lambda step: step.barrier]),
    ]
    while sum(len(finest) for finest, *_ in parts) > MOST and (
        coarser := [part for part in parts if len(part) > 1]
    ):
        max(coarser, key=lambda part: len(part[0])).pop(0)
    return [group for finest, *_ in parts for group in finest]


def _groupings(part: Part, steps: Sequence[Step], keys: Iterable[Key]) -> list[list[Group]]:
    """Return the groups for each key, in the order of their first nodes."""
    return [[Group(part, alike) for alike in _alike(steps, key)] for key in keys]


def _alike(steps: Iterable[Step], key: Key) -> Iterable[list[Step]]:
    found: dict[Hashable, list[Step]] = defaultdict(list)
    for step in steps:
        found[key(step)].append(step)
    return found.values()


def _action_and_reason(step: Step) -> Hashable:
    return step.action, step.reason


def _rollout_keys(pending: Iterable[Step]) -> Iterable[Key]:
    """Return what makes steps alike, from fine to coarse."""
    yield lambda step: (step.wave, step.canary, step.action, step.reason)
    yield lambda step: (step.wave, step.canary, step.action)
    yield lambda step: step.wave
    for last in sorted({step.wave for step in pending}, reverse=True)[1:]:
        yield partial(_wave_up_to, last)


def _wave_up_to(last: int, step: Step) -> Hashable:
    return min(step.wave, last)
