"""The mark on a node, as others can read it."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.planning import node_mark
from tests.planning.builders import mark_of


def test_the_mark_is_the_json_that_was_promised() -> None:
    assert json.loads(node_mark.render(mark_of("a"))) == {
        "schema": 1,
        "kataVersion": "4.0.0",
        "digest": "aaaaaaaaaaaa",
        "nodeUid": "uid-a",
        "machineId": "machine-a",
        "time": "2026-01-01T00:00:00Z",
    }


def test_a_rendered_mark_is_read_back() -> None:
    assert node_mark.parse(node_mark.render(mark_of("a"))) == mark_of("a")


def test_the_mark_of_a_begun_install_has_the_digest_at_which_it_failed() -> None:
    begun = replace(mark_of("a", digest=""), failed="bbbbbbbbbbbb")
    assert json.loads(node_mark.render(begun))["failed"] == "bbbbbbbbbbbb"
    assert node_mark.parse(node_mark.render(begun)) == begun


def test_an_adopted_node_says_so_and_others_say_nothing() -> None:
    adopted = replace(mark_of("a"), adopted=True)
    assert json.loads(node_mark.render(adopted)) == json.loads(node_mark.render(mark_of("a"))) | {
        "adopted": True
    }
    assert node_mark.parse(node_mark.render(adopted)) == adopted


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.dictionaries(st.text(), inner) | st.lists(inner),
)


@given(st.none() | st.text() | json_values.map(json.dumps))
def test_anything_else_is_not_a_mark(value: str | None) -> None:
    assert node_mark.parse(value) is None


KEYS = [
    "schema",
    "kataVersion",
    "digest",
    "nodeUid",
    "machineId",
    "time",
    "failed",
    "adopted",
    "namespace",
]


@given(
    st.dictionaries(
        st.sampled_from(KEYS), json_values | st.just("a" * 12) | st.just(1) | st.just(2)
    )
)
def test_what_is_read_from_a_mark_is_short_printable_and_of_its_type(
    fields: dict[str, object],
) -> None:
    parsed = node_mark.parse(json.dumps(fields))
    if parsed is None:
        return
    assert parsed.schema == fields["schema"]
    texts = [text for text in vars(parsed).values() if isinstance(text, str)]
    assert all(text.isprintable() and len(text) <= 253 for text in texts)
    assert {parsed.digest, parsed.failed} <= {"", "a" * 12}
    if not parsed.is_newer:
        assert json.loads(node_mark.render(parsed)).items() <= {"adopted": None, **fields}.items()


@pytest.mark.parametrize(
    "forged",
    [
        {"time": "2026\nplan: nothing to do on 3 selected nodes"},
        {"kataVersion": "\x1b[2J"},
        {"kataVersion": "4" * 200_000},
        {"digest": "AAAAAAAAAAAA"},
        {"digest": "aaaaaaaaaaaa\n"},
        {"failed": "all of them"},
        {"namespace": "a\tb"},
        {"schema": True},
        {"schema": "1"},
    ],
)
def test_a_mark_that_a_node_may_have_forged_is_not_a_mark(forged: dict[str, object]) -> None:
    fields = json.loads(node_mark.render(mark_of("a")))
    assert node_mark.parse(json.dumps(fields)) == mark_of("a")
    assert node_mark.parse(json.dumps(fields | forged)) is None


def test_a_mark_of_a_newer_schema_is_known_as_such_whatever_else_it_holds() -> None:
    parsed = node_mark.parse(
        json.dumps({"schema": node_mark.SCHEMA + 1, "digest": ["sha512"], "time": "2027\x1b"})
    )
    assert parsed
    assert (parsed.is_newer, parsed.digest, parsed.time) == (True, "", "")


def test_a_mark_says_whose_it_is_and_an_old_one_belongs_to_anyone() -> None:
    ours = replace(mark_of("a"), namespace="kata")
    assert json.loads(node_mark.render(ours))["namespace"] == "kata"
    assert node_mark.parse(node_mark.render(ours)) == ours
    assert [
        ours.is_of_another("kata"),
        ours.is_of_another("team-b"),
        mark_of("a").is_of_another("team-b"),
    ] == [
        False,
        True,
        False,
    ]
