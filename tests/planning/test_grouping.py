"""The plan in groups: it is short, and no node and no kind of reason is lost."""

from collections import Counter
from collections.abc import Iterable
from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.planning.grouping import MOST, Group, Part, groups
from kata_components.planning.plan import Plan
from kata_components.planning.step import Action, Barrier, Step

REFUSED = {
    Barrier.UNCLAIMED,
    Barrier.MARKED_ELSEWHERE,
    Barrier.MARKED_NEWER,
    Barrier.OTHER_DISTRIBUTION,
}
"""No plan is shown with these: guard rails refuse it."""
BARRIERS = [None, *(barrier for barrier in Barrier if barrier not in REFUSED)]


def step(node: str, action: Action, cause: int, wave: int = 0, *, canary: bool = False) -> Step:
    skipped = action is Action.SKIPPED
    return Step(
        node=node,
        node_uid="",
        machine_id="",
        action=action,
        reason=f"because {cause}",
        wave=wave if action.pending else 0,
        canary=canary and action.pending,
        barrier=BARRIERS[cause % len(BARRIERS)] if skipped else None,
    )


def plans(prefix: str, actions: Iterable[Action]) -> st.SearchStrategy[Plan]:
    fates = st.tuples(
        st.sampled_from(list(actions)), st.integers(0, 40), st.integers(0, 14), st.booleans()
    )
    return st.lists(fates, max_size=80).map(
        lambda drawn: Plan(
            digest="",
            steps=tuple(
                step(f"{prefix}{number}", action, cause, wave, canary=canary)
                for number, (action, cause, wave, canary) in enumerate(drawn)
            ),
        )
    )


rollouts = plans("node-", set(Action) - {Action.CLEANUP})
cleanups = plans("gone-", [Action.CLEANUP, Action.SKIPPED])


def told(found: Iterable[Group]) -> Counter[tuple[Part, frozenset[str]]]:
    return Counter((group.part, frozenset(step.node for step in group.steps)) for group in found)


@given(rollouts, cleanups)
def test_every_node_with_something_to_tell_is_in_one_of_few_groups(
    rollout: Plan, cleanup: Plan
) -> None:
    found = groups(rollout, cleanup)
    nodes = Counter(step.node for group in found for step in group.steps)
    wanted = [s for s in (*rollout.steps, *cleanup.steps) if s.action is not Action.UP_TO_DATE]
    assert nodes == Counter(step.node for step in wanted)
    assert len(found) <= MOST


@given(rollouts, cleanups, st.randoms(use_true_random=False))
def test_the_order_of_the_nodes_makes_no_other_groups(
    rollout: Plan, cleanup: Plan, random: Random
) -> None:
    steps = random.sample(rollout.steps, len(rollout.steps))
    assert told(groups(Plan(digest="", steps=tuple(steps)), cleanup)) == told(
        groups(rollout, cleanup)
    )


@given(rollouts, cleanups)
def test_reasons_to_skip_are_only_put_together_with_those_of_their_kind(
    rollout: Plan, cleanup: Plan
) -> None:
    for group in groups(rollout, cleanup):
        skipped = {step.action is Action.SKIPPED for step in group.steps}
        barriers = {step.barrier for step in group.steps}
        assert len(skipped) == 1
        assert group.part is not Part.SKIPPED or len(barriers) == 1


@given(rollouts)
def test_groups_are_in_the_order_of_the_waves(rollout: Plan) -> None:
    waves = [group.waves for group in groups(rollout) if group.part is Part.ROLLOUT]
    assert sorted(waves) == waves
    assert all(before[-1] <= after[0] for before, after in pairwise(waves))


def test_what_fits_is_told_reason_by_reason() -> None:
    steps = [step(f"node-{n}", Action.RETRY, n % 5) for n in range(20)]
    found = groups(Plan(digest="", steps=tuple(steps)))
    assert [group.reasons for group in found] == [[f"because {n}"] for n in range(5)]


def test_only_the_last_of_many_waves_are_put_together() -> None:
    steps = tuple(step(f"node-{n}", Action.UPGRADE, 0, wave=n // 2) for n in range(30))
    found = groups(Plan(digest="", steps=steps))
    assert [group.waves for group in found] == [*([n] for n in range(9)), list(range(9, 15))]


@pytest.mark.parametrize(("retried", "skipped"), [(30, 6), (3, 30)])
def test_many_reasons_of_some_nodes_do_not_blur_the_few_of_others(
    retried: int, skipped: int
) -> None:
    steps = (
        *(step(f"node-{n}", Action.RETRY, n) for n in range(retried)),
        *(step(f"away-{n}", Action.SKIPPED, n) for n in range(skipped)),
    )
    found = Counter(group.part for group in groups(Plan(digest="", steps=steps)))
    assert found[Part.ROLLOUT] == (1 if retried == 30 else 3)
    assert found[Part.SKIPPED] == len(BARRIERS)
