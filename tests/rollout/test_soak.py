"""A soak that a run was cut off in goes on in the next."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from kata_components.kubernetes.objects import Node
from kata_components.rollout.plan import Plan, Rules, plan
from kata_components.rollout.queue import WaveQueue
from kata_components.rollout.report import plan_summary
from kata_components.rollout.soak import seconds_left
from tests.rollout.builders import DIGEST, mark_of, node

RULES = Rules(suffix="", digests={1: DIGEST}, sizes=("canary", "50%", "100%"), soak_seconds=3600)
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TEN_MINUTES_AGO = "2026-01-01T11:50:00.000000Z"


def fleet(done: int, fresh: int, *, at: str = TEN_MINUTES_AGO, adopted: bool = False) -> list[Node]:
    marks = {f"a{n}": replace(mark_of(f"a{n}"), time=at, adopted=adopted) for n in range(done)}
    return [*(node(name, marked=mark) for name, mark in marks.items()), *(node(f"b{n}") for n in range(fresh))]


def planned(nodes: list[Node]) -> Plan:
    return plan(nodes, [], RULES, NOON)


@pytest.mark.parametrize("done", [1, 5])
def test_the_next_wave_opens_when_the_soak_behind_the_last_mark_is_over(done: int) -> None:
    assert planned(fleet(done, 10 - done)).opens_in == 50 * 60


def test_a_wave_that_was_open_already_goes_on_at_once() -> None:
    assert planned(fleet(2, 8)).opens_in == 0, "the canary and one more"
    assert planned(fleet(9, 1)).opens_in == 0, "a newcomer of a finished fleet"


def test_a_kind_without_a_canary_is_not_kept_waiting() -> None:
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
    ids=["begun", "the newest counts", "over", "a clock ahead", "without a zone", "unreadable", "nothing done"],
)
def test_what_is_left_of_a_soak(times: list[str], left: float) -> None:
    assert seconds_left(times, 3600, NOON) == left


def test_the_queue_opens_the_first_wave_with_nodes_then() -> None:
    queue = WaveQueue(planned(fleet(1, 9)).pending, soak_seconds=3600, opens_in=3000)
    queue.open_waves(100.0)
    assert (queue.opens_at, queue.take(lambda _: True)) == (3100.0, None)
    queue.open_waves(3100.0)
    assert queue.take(lambda _: True) == "b0"


def test_the_plan_says_that_it_soaks() -> None:
    assert plan_summary(planned(fleet(1, 9)), 5).endswith("; it soaks for 50m00s before the next wave opens")
    assert "soak" not in plan_summary(planned(fleet(2, 8)), 5)
