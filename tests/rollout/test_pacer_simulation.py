"""The pacer in virtual time, over thousands of rollouts with faults: no promise is broken and no node is lost."""

import random

import pytest

from tests.rollout.world import BrokenPromiseError, Faults, World, settled


def play(seed: int, faults: Faults, **options: object) -> World:
    world = World(seed, faults=faults, **options)  # type: ignore[arg-type] # options are World's own fields
    pacer = world.play()
    lost = settled(world, pacer)
    if lost:
        raise BrokenPromiseError(f"lost nodes {lost}", world.now)
    return world


@pytest.mark.parametrize("block", range(10))
def test_no_promise_breaks_with_all_faults(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        play(seed, Faults.all())


@pytest.mark.parametrize("block", range(10))
def test_no_promise_breaks_with_any_mix_of_faults(block: int) -> None:
    for seed in range(block * 100, block * 100 + 100):
        play(seed, Faults.all().swarm(random.Random(seed)))


def test_jobs_of_an_older_digest_are_waited_for() -> None:
    for seed in range(100):
        world = play(seed, Faults.all(), old_jobs=4)
        assert world.marked


def test_a_fleet_without_faults_installs_each_node_once() -> None:
    world = play(1, Faults())
    assert world.starts == world.nodes
    assert len(world.marked) == world.nodes
