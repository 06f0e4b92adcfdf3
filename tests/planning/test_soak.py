"""A soak in which a run was interrupted continues in the next."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kata_components.kubernetes.nodes import Node
from kata_components.operations.plan_lines import plan_summary
from kata_components.pacing.queues import WaveQueue
from kata_components.planning.plan import Plan, plan
from kata_components.planning.verdict import Rules
from kata_components.planning.waves import seconds_left
from tests.planning.builders import DIGEST, job, mark_of, node

RULES = Rules(suffix="", digests={1: DIGEST}, waves=("canary", "50%", "100%"), soak_seconds=3600)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEN_MINUTES_AGO = "2026-01-01T11:50:00.000000Z"


def fleet(done: int, fresh: int, *, at: str = TEN_MINUTES_AGO, adopted: bool = False) -> list[Node]:
    marks = {f"a{n}": replace(mark_of(f"a{n}"), time=at, adopted=adopted) for n in range(done)}
    return [
        *(node(name, marked=mark) for name, mark in marks.items()),
        *(node(f"b{n}") for n in range(fresh)),
    ]


def planned(nodes: list[Node]) -> Plan:
    return plan(nodes, [], RULES, NOON)


@pytest.mark.parametrize("done", [1, 5])
def test_the_next_wave_opens_when_the_soak_behind_the_last_mark_is_over(done: int) -> None:
    assert planned(fleet(done, 10 - done)).opens_in == 50 * 60


def test_a_wave_that_was_open_already_continues_at_once() -> None:
    assert planned(fleet(2, 8)).opens_in == 0, "the canary and one more"
    assert planned(fleet(9, 1)).opens_in == 0, "a newcomer of a finished fleet"


def test_a_kind_without_a_canary_does_not_wait() -> None:
    assert planned([*fleet(1, 0), node("c", arch="arm64"), node("d", arch="arm64")]).opens_in == 0


def test_adopted_nodes_need_no_soak() -> None:
    assert planned(fleet(3, 3, adopted=True)).opens_in == 0


@pytest.mark.parametrize(
    ("times", "left"),
    [
        ([TEN_MINUTES_AGO], 3000),
        (["2026-01-01T11:10:00Z", "2026-01-01T10:00:00Z"], 600),
        (["2026-01-01T10:00:00Z"], 0),
        (["2026-01-01T13:00:00Z"], 3600),
        (["2026-01-01T11:50:00"], 3000),
        (["some day"], 0),
        ([], 0),
    ],
    ids=[
        "begun",
        "the newest counts",
        "over",
        "a clock ahead",
        "without a zone",
        "unreadable",
        "nothing done",
    ],
)
def test_what_is_left_of_a_soak(times: list[str], left: float) -> None:
    assert seconds_left(times, 3600, NOON) == left


def test_the_queue_opens_the_first_wave_with_nodes_then() -> None:
    queue = WaveQueue(planned(fleet(1, 9)).pending, soak_seconds=3600, opens_in=3000)
    queue.open_waves(100.0)
    assert (queue.opens_at, queue.pop_first(lambda _: True)) == (3100.0, None)
    queue.open_waves(3100.0)
    assert queue.pop_first(lambda _: True) == "b0"


def test_the_plan_says_that_it_soaks() -> None:
    assert plan_summary(planned(fleet(1, 9)), 5).endswith(
        "; it soaks for 50m00s before the next wave opens"
    )
    assert "soak" not in plan_summary(planned(fleet(2, 8)), 5)


def opened(found: Plan) -> WaveQueue:
    queue = WaveQueue(found.pending, soak_seconds=3600, opens_in=found.opens_in)
    queue.open_waves(0.0)
    return queue


def test_the_rest_of_an_open_wave_does_not_wait_for_what_continues_in_it() -> None:
    queue = opened(plan(fleet(6, 4), [job("b0")], RULES, NOON))
    assert [queue.pop_first(lambda _: True) for _ in range(5)] == ["b0", "b1", "b2", "b3", None]


def test_after_a_canary_that_continues_the_whole_soak_is_waited_for() -> None:
    found = plan(fleet(0, 10), [job("b0")], RULES, NOON)
    queue = opened(found)
    assert [queue.pop_first(lambda _: True) for _ in range(2)] == ["b0", None]
    queue.settled(found.pending[0])
    queue.open_waves(60.0)
    assert queue.opens_at == 3660.0


def test_nothing_soaks_after_an_adoption() -> None:
    labelled = [node(f"a{n}", labels={"katacontainers.io/kata-runtime": "true"}) for n in range(5)]
    rules = replace(RULES, waves=("50%", "100%"), existing="adopt")
    found = plan([*labelled, *fleet(0, 5)], [], rules, NOON)
    queue = opened(found)
    for step in found.pending[:5]:
        assert queue.pop_first(lambda _: True) == step.node
        queue.settled(step)
    queue.open_waves(1.0)
    assert queue.pop_first(lambda _: True) == "b0"
