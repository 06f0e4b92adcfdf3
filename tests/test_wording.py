"""Names of nodes in messages: short, and still every one of them."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.wording import runs

numbered = st.builds(
    lambda prefix, number, width: f"{prefix}{number:0{width}}",
    st.sampled_from(["worker-", "w", "10.0.0.", ""]),
    st.integers(0, 120),
    st.integers(1, 4),
)
names = st.sets(numbered | st.sampled_from(["gpu-a", "edge", "ip-10-0-0-1.internal"]))


def expanded(text: str) -> list[str]:
    first, *rest = text.split(" … ")
    if not rest:
        return [first]
    number = re.search(r"\d+$", first)
    last = re.search(r"\d+$", rest[0])
    assert number
    assert last
    prefix, width = first[: number.start()], len(number[0])
    return [f"{prefix}{n:0{width}}" for n in range(int(number[0]), int(last[0]) + 1)]


@given(names)
def test_runs_stand_for_exactly_the_names(found: set[str]) -> None:
    written = runs(found)
    spelled = [name for run in written for name in expanded(run.text)]
    assert len(spelled) == len(found)
    assert set(spelled) == found
    assert [run.size for run in written] == [len(expanded(run.text)) for run in written]


@pytest.mark.parametrize(
    ("found", "written"),
    [
        (["w-10", "w-9", "w-11"], ["w-9 … w-11"]),
        (["w-1", "w-2"], ["w-1", "w-2"]),
        (["w-099", "w-100", "w-101", "w-103"], ["w-099 … w-101", "w-103"]),
        (["a-1", "b-2", "b-3"], ["a-1", "b-2", "b-3"]),
        (["b", "a"], ["a", "b"]),
    ],
)
def test_three_names_that_follow_each_other_are_a_range(
    found: list[str], written: list[str]
) -> None:
    assert [run.text for run in runs(found)] == written
