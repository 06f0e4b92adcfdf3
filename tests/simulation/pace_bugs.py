"""Bugs to plant in waves, soaks, budgets and the ownership of nodes, as those in `bugs`."""

import contextlib
from collections.abc import Callable, Sequence
from math import inf
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary

from kata_components.pacing.queues import WaveQueue
from kata_components.planning import waves
from kata_components.planning.demands import Demands
from kata_components.planning.node_mark import Mark
from kata_components.planning.node_state import NodeState
from kata_components.planning.step import Step
from kata_components.settings.wave_sizes import CANARY, Size
from tests.simulation.planting import Patch, around, bug

# Waves and soaks.


@bug(soaks=0.9, killed=0.0)
def waves_do_not_soak() -> Patch:
    def init(original: Any, queue: WaveQueue, steps: Sequence[Step], **_: float) -> None:
        original(queue, steps)

    return around(WaveQueue, "__init__", init)


@bug(
    soaks=1.0,
    interrupted=0.9,
    killed=0.0,
    sleeps=0.0,
    company=0.0,
    lease_deleted=0.0,
    clock_jumps=0.0,
    destroys=0.0,
)
def soak_that_was_cut_off_is_forgotten() -> Patch:
    return mock.patch.object(waves, "seconds_left", return_value=0.0)


@bug(large=0.5)
def waves_are_larger_than_asked() -> Patch:
    def split(original: Any, waiting: Any, *, sizes: Sequence[Size], **others: Any) -> Any:
        doubled = [size if size == CANARY else _doubled(size) for size in sizes]
        return original(waiting, sizes=doubled, **others)

    return around(waves, "split", split)


def _doubled(size: Size) -> Size:
    return f"{min(100, 2 * int(size[:-1]))}%" if isinstance(size, str) else 2 * size


@bug(large=0.5)
def wave_opens_when_the_one_before_has_begun() -> Patch:
    """A node counts as settled as soon as it has begun."""
    settled, waiting = WaveQueue.settled, WeakKeyDictionary[WaveQueue, dict[str, Step]]()

    def begun(queue: WaveQueue, node: str | None) -> None:
        if node in waiting[queue]:
            settled(queue, waiting[queue].pop(node))

    def init(original: Any, queue: WaveQueue, steps: Sequence[Step], **soaks: float) -> None:
        original(queue, steps, **soaks)
        waiting[queue] = {step.node: step for step in steps}

    def pop_first(original: Any, queue: WaveQueue, allowed: Callable[[str], bool]) -> str | None:
        node: str | None = original(queue, allowed)
        begun(queue, node)
        return node

    def remove(original: Any, queue: WaveQueue, step: Step) -> None:
        original(queue, step)
        begun(queue, step.node)

    patches = contextlib.ExitStack()
    patches.enter_context(around(WaveQueue, "__init__", init))
    patches.enter_context(around(WaveQueue, "pop_first", pop_first))
    patches.enter_context(around(WaveQueue, "remove", remove))
    patches.enter_context(mock.patch.object(WaveQueue, "settled"))
    return patches


@bug()
def canary_is_not_awaited() -> Patch:
    """All nodes count as settled from the start, and all waves are open."""
    settled = WaveQueue.settled

    def init(original: Any, queue: WaveQueue, steps: Sequence[Step], **_: float) -> None:
        original(queue, steps)
        for step in steps:
            settled(queue, step)
        queue.open_waves(-inf)

    patches = contextlib.ExitStack()
    patches.enter_context(around(WaveQueue, "__init__", init))
    patches.enter_context(mock.patch.object(WaveQueue, "settled"))
    return patches


@bug(percentages=0.9, job_fails=0.3, node_not_ready=0.0)
def budget_is_rounded_up() -> Patch:
    return mock.patch.object(waves, "allowed", waves.share)


# Whose nodes they are.


@bug(label_lost=0.2, churn=0.7)
def lost_label_is_no_reason_to_do_anything() -> Patch:
    return mock.patch.object(Demands, "missing_labels", return_value=[])


@bug(rival=0.9, destroys=0.0)
def marks_of_another_namespace_are_taken_for_ours() -> Patch:
    return mock.patch.object(Mark, "is_of_another", return_value=False)


@bug(rival=0.9, destroys=0.0)
def nodes_of_another_namespace_are_installed_again() -> Patch:
    return mock.patch.object(NodeState, "other_namespace", "")
