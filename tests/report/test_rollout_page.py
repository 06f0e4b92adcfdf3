"""rollout.html: complete, readable without scripts, safe whatever the texts, and small."""

import re
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kata_components.report.record import NodeRecord, Record, Result
from kata_components.report.rollout_page import headline, page
from tests.report.builders import fleet, rollout
from tests.report.html import Parsed, assert_harmless, hostile

moments = st.none() | st.floats(0, 1e6)
records = st.builds(
    NodeRecord,
    node=hostile,
    action=st.sampled_from(["install", "retry", "adopt", "skipped"]),
    reason=hostile,
    wave=st.integers(0, 3),
    canary=st.booleans(),
    result=st.sampled_from(get_args(Result)),
    text=hostile,
    started=moments,
    job_started=moments,
    job_ended=moments,
    ended=moments,
)


@settings(max_examples=60, deadline=None)
@given(st.lists(records, max_size=8), hostile, st.floats(0, 1e6), st.sampled_from([0, 60]))
def test_no_text_becomes_markup_and_nothing_is_fetched(
    nodes: list[NodeRecord], text: str, seconds: float, soak: int
) -> None:
    record = rollout(nodes, stack=text, digest=text, failure=text, seconds=seconds)
    assert_harmless(page(replace(record, soak_seconds=soak)))


@pytest.mark.parametrize("size", [1, 24, 200, 201, 1000, 5000])
def test_the_page_is_small_and_its_table_has_the_rows_of_its_drawing(size: int) -> None:
    html = page(rollout(fleet(size, failing=size // 10, soak=60), soak_seconds=60))
    assert len(html) < 300_000
    parsed = Parsed(html)
    labels = parsed.of("th")
    drawn = [text for text in parsed.of("text") if "worker-" in text]
    assert 1 <= len(drawn) <= 200
    assert labels[-len(drawn) :] == drawn


def test_long_texts_do_not_make_it_large() -> None:
    nodes = [
        replace(node, node=f"{number:05}{'&' * 248}", text='"' * 5000, reason="<" * 5000)
        for number, node in enumerate(fleet(5000, failing=4000))
    ]
    assert len(page(rollout(nodes, failure="<" * 1_000_000))) < 1_000_000


def test_every_drawing_stays_in_its_box() -> None:
    nodes = fleet(300, failing=20, soak=600)
    parsed = Parsed(page(rollout(nodes, seconds=(nodes[-1].started or 0.0) / 2, soak_seconds=600)))
    boxes = [attrs["viewbox"].split() for tag, attrs in parsed.elements if tag == "svg"]
    tallest = max(float(box[3]) for box in boxes)
    for tag, attrs in parsed.elements:
        if tag == "rect":
            x, y, width, height = (float(attrs[name]) for name in ("x", "y", "width", "height"))
            assert 0 <= x <= x + width <= 1000
            assert 0 <= y <= y + height <= tallest
            assert width >= 0


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (rollout(), "Nothing was planned"),
        (rollout(fleet(24)), "24 of 24 nodes done"),
        (rollout(fleet(24, failing=2)), "22 of 24 nodes done, 2 failed"),
        (
            replace(rollout(), installed=20, failed=1, remaining=3),
            "20 of 24 nodes done, 1 failed, 3 not started",
        ),
    ],
)
def test_the_head_line_has_plan_against_done(record: Record, line: str) -> None:
    assert headline(record) == line
    assert re.search(f"<h1.*{line}</h1>", page(record))


def test_failures_come_with_their_reasons_and_an_end() -> None:
    html = page(rollout(fleet(100, failing=30)))
    assert html.count("stage artifacts ended with exit code 1") == 20
    assert "and 10 more, all in rollout.json." in html


def test_why_the_others_were_not_started_is_below_the_head_line() -> None:
    why = "1 node could not be installed, 4 were not started (canary node-00 failed)"
    record = rollout(fleet(1), remaining=4, failure=f"{why}\n  node-00: no space left")
    assert Parsed(page(record)).of("p")[1] == why


def test_nodes_that_were_not_started_share_a_row_and_skipped_ones_a_reason() -> None:
    waiting = [
        NodeRecord(node=f"w-{n}", action="install", reason="new node", result="waiting")
        for n in range(50)
    ]
    skipped = [
        NodeRecord(node=f"s-{n}", action="skipped", reason="runs Windows", result="skipped")
        for n in range(30)
    ]
    parsed = Parsed(page(rollout([*fleet(1), *waiting, *skipped])))
    assert "50 nodes from w-0" in parsed.of("th")
    assert "50 not started" in parsed.of("text")
    assert "30 nodes: runs Windows" in parsed.of("li")


def test_a_rollout_without_times_has_a_table_and_no_drawing() -> None:
    nodes = [NodeRecord(node="a", action="install", reason="new node", result="done")]
    parsed = Parsed(page(rollout(nodes)))
    assert parsed.of("svg") == parsed.of("text") == []
    assert "install: new node" in parsed.of("td")
