"""Thousands of histories: runs under faults, killed, asleep, two at a time.

No promise breaks, and no node is lost. `KATA_SIMULATION_SEEDS` sets the number of histories; a
broken promise prints the command that replays its history.
"""

import os
from collections import Counter

import pytest

from tests.simulation.faults import Faults
from tests.simulation.history import History, play, simulated

SEEDS = int(os.environ.get("KATA_SIMULATION_SEEDS", "1200"))
BLOCK = 100


@pytest.mark.timeout(600)
@pytest.mark.parametrize("first", range(0, SEEDS, BLOCK))
def test_no_promise_breaks(first: int) -> None:
    for seed in range(first, min(first + BLOCK, SEEDS)):
        play(seed)


def test_the_same_seed_is_the_same_history() -> None:
    def played(seed: int) -> tuple[float, int, int, int]:
        history = play(seed)
        return history.world.now, history.world.steps, *history.work

    assert [played(seed) for seed in range(20)] == [played(seed) for seed in range(20)]


def test_histories_are_eventful() -> None:
    """Promises that hold only because nothing happens would prove nothing."""
    seen: Counter[str] = Counter()
    for seed in range(200):
        history = play(seed)
        seen["runs"] += history.runs
        seen["installs"] += history.work[0]
        seen["cleanups"] += history.work[1]
        seen["kills"] += history.world.kills
        seen += history.world.met
    assert seen["runs"] > 300
    assert seen["installs"] > 400
    assert seen["cleanups"] > 100
    assert seen["kills"] > 25
    rare = ("slow_job", "name_taken", "deletion_held", "ends_after_plan", "denied")
    assert all(seen[fault] for fault in rare)
    behind = ("handlers_late", "handlers_never", "ready_late", "old_labels", "unreported")
    assert all(seen[fault] for fault in (*behind, "upgraded"))


def test_without_faults_each_node_is_installed_once() -> None:
    history = History(1, Faults())
    with simulated():
        history.play()
    history.close()
    assert history.work[0] == history.world.setting.nodes
