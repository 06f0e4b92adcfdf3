"""Which nodes come first, and which of them are the canaries of their kind."""

from dataclasses import replace

import pytest

from kata_components.names import RUNTIME_LABEL
from kata_components.planning import waves
from kata_components.planning.plan import plan
from kata_components.planning.step import Step
from kata_components.planning.verdict import Rules
from tests.planning.builders import DIGEST, mark_of, node

RULES = Rules(suffix="", digests={1: DIGEST}, waves=("canary", "100%"), existing="adopt")
LABELLED = {RUNTIME_LABEL: "true"}


def placed(steps: tuple[Step, ...]) -> list[tuple[str, int, bool]]:
    return [(step.node, step.wave, step.canary) for step in steps]


@pytest.mark.parametrize(
    ("size", "total", "let_in", "may_fail"),
    [("10%", 1, 1, 0), ("34%", 9, 4, 3), ("100%", 7, 7, 7), ("0%", 7, 0, 0), (3, 1, 3, 3)],
)
def test_percentages_of_waves_are_rounded_up_and_those_of_budgets_down(
    size: str | int, total: int, let_in: int, may_fail: int
) -> None:
    assert (waves.share(size, total), waves.allowed(size, total)) == (let_in, may_fail)


def test_adopted_nodes_come_first_and_are_not_canaries_of_their_kind() -> None:
    nodes = [node("a1", labels=LABELLED), node("a2", labels=LABELLED), node("b1"), node("b2")]
    steps = plan(nodes, [], RULES).pending
    assert placed(steps) == [("a1", 0, False), ("a2", 0, False), ("b1", 0, True), ("b2", 1, False)]


@pytest.mark.parametrize(("adopted", "canary"), [(True, True), (False, False)])
def test_an_adopted_node_proves_nothing_about_its_kind_to_later_runs(
    adopted: bool, canary: bool
) -> None:
    nodes = [
        node("a", labels=LABELLED, marked=replace(mark_of("a"), adopted=adopted)),
        node("b"),
        node("c"),
    ]
    steps = plan(nodes, [], RULES).pending
    assert placed(steps) == [("b", 0 if canary else 1, canary), ("c", 1, False)]


def test_adopted_nodes_count_in_the_sizes_of_waves() -> None:
    nodes = [node(f"a{n}", labels=LABELLED) for n in range(5)] + [node(f"b{n}") for n in range(5)]
    steps = plan(nodes, [], replace(RULES, waves=("70%", "100%"))).pending
    assert [step.node for step in steps if step.wave == 0] == [
        "a0",
        "a1",
        "a2",
        "a3",
        "a4",
        "b0",
        "b1",
    ]
