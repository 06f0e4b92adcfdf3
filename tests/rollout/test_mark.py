"""The mark on a node, as others may read it."""

import json
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from kata_components.rollout import mark
from tests.rollout.builders import mark_of


def test_the_mark_is_the_json_that_was_promised() -> None:
    assert json.loads(mark.render(mark_of("a"))) == {
        "schema": 1,
        "kataVersion": "4.0.0",
        "digest": "aaaaaaaaaaaa",
        "nodeUid": "uid-a",
        "machineId": "machine-a",
        "time": "2026-01-01T00:00:00Z",
    }


def test_a_rendered_mark_is_read_back() -> None:
    assert mark.parse(mark.render(mark_of("a"))) == mark_of("a")


def test_a_begun_install_tells_at_which_digest_it_failed() -> None:
    begun = replace(mark_of("a", digest=""), failed="bbbbbbbbbbbb")
    assert json.loads(mark.render(begun))["failed"] == "bbbbbbbbbbbb"
    assert mark.parse(mark.render(begun)) == begun


def test_an_adopted_node_says_so_and_others_say_nothing() -> None:
    adopted = replace(mark_of("a"), adopted=True)
    assert json.loads(mark.render(adopted)) == json.loads(mark.render(mark_of("a"))) | {"adopted": True}
    assert mark.parse(mark.render(adopted)) == adopted


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
)


@given(st.none() | st.text() | json_values.map(json.dumps))
def test_anything_else_is_no_mark(value: str | None) -> None:
    assert mark.parse(value) is None


@given(
    st.dictionaries(st.sampled_from(["schema", "kataVersion", "digest", "nodeUid", "machineId", "time"]), json_values)
)
def test_a_mark_is_read_only_when_every_field_has_its_type(fields: dict[str, object]) -> None:
    parsed = mark.parse(json.dumps(fields))
    assert parsed is None or json.loads(mark.render(parsed)) == fields
