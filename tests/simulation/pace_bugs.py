"""Bugs to plant in waves, soaks, budgets and whose nodes they are, as those in `bugs`."""

import math
from collections.abc import Sequence
from typing import Any
from unittest import mock

from kata_components.pacing.wave_queue import WaveQueue
from kata_components.planning import verdict, waves
from kata_components.planning.demands import Demands
from kata_components.planning.node_mark import Mark
from kata_components.settings.wave_sizes import CANARY, Size
from tests.simulation.planting import Patch, around, bug

# Waves and soaks.


@bug(soaks=0.9, killed=0.0)
def waves_do_not_soak() -> Patch:
    def open_waves(original: Any, queue: WaveQueue, now: float) -> None:
        queue._soaks = [0.0] * len(queue._soaks)
        original(queue, now)

    return around(WaveQueue, "open_waves", open_waves)


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
    def open_waves(_: Any, queue: WaveQueue, __: float) -> None:
        waiting = queue._waiting
        while queue._current + 1 < len(waiting) and not waiting[queue._current]:
            queue._current += 1

    return around(WaveQueue, "open_waves", open_waves)


@bug(percentages=0.9, job_fails=0.5)
def budget_is_rounded_up() -> Patch:
    return mock.patch.object(
        waves, "allowed", lambda failures, total: math.ceil(waves._exact(failures, total))
    )


# Whose nodes they are.


@bug(label_lost=0.2, churn=0.7)
def lost_label_is_no_reason_to_do_anything() -> Patch:
    return mock.patch.object(Demands, "missing_labels", return_value=[])


@bug(rival=0.9, destroys=0.0)
def marks_of_another_namespace_are_taken_for_ours() -> Patch:
    return mock.patch.object(Mark, "is_of_another", return_value=False)


@bug(rival=0.9, destroys=0.0)
def nodes_of_another_namespace_are_installed_again() -> Patch:
    return mock.patch.object(verdict, "_not_ours", return_value=None)
