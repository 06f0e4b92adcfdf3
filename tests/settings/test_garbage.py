"""Whatever the input, the answer is settings or a `SettingsError` with bounded lines."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config
from kata_components.settings.profile import load_profile

PROFILE = load_profile("4.0.0").values
MAX_LINE = 1_000
UNHURRIED = settings(deadline=None, database=None)
"""The machine may be busy: how long an example takes proves nothing."""


def words(tree: object) -> set[str]:
    """Return all keys of a tree."""
    return set().union({*tree}, *map(words, tree.values())) if isinstance(tree, dict) else set()


known = st.sampled_from(sorted(words(PROFILE) | {"kataVersion", "context", "key", "operator", "values"}))
scalars = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["4.0.0", "4.1.0", "job", "daemonset", "cluster", "canary", "10%", "²%", "qemu"])
)
garbage: st.SearchStrategy[Any] = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(known | st.text(max_size=5) | st.integers(), inner),
    max_leaves=15,
)
top_level = st.sampled_from([*sorted(PROFILE), "kataVersion", "cluster"])


def check(config: dict[str, Any]) -> None:
    try:
        load_settings(config)
    except SettingsError as error:
        lines = error.problems
    else:
        return
    assert lines
    assert all("\n" not in line and len(line) < MAX_LINE for line in lines)


@UNHURRIED
@given(st.dictionaries(top_level | st.text(max_size=5), garbage, max_size=6))
def test_nested_garbage_never_escapes(config: dict[str, Any]) -> None:
    check({"kataVersion": "4.0.0"} | config)


@UNHURRIED
@given(st.sampled_from(sorted(PROFILE["shims"])), known, garbage)
def test_garbage_inside_shims_never_escapes(shim: str, key: str, value: Any) -> None:
    check({"kataVersion": "4.0.0", "cluster": {"context": "c"}, "shims": {shim: {key: value}}})


@UNHURRIED
@given(st.dictionaries(st.text(max_size=30).map("kata-deploy:{}".format) | st.text(max_size=5), st.text(), max_size=5))
def test_garbage_text_never_escapes(raw: dict[str, str]) -> None:
    check(parse_stack_config(raw))


def test_numbers_too_long_to_print_are_refused() -> None:
    long = 10**10_000
    check({"kataVersion": "4.0.0", "namespace": long, "monitor": long, "podLabels": {"a": long}, "debug": long})


def test_very_deep_nesting_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"a": deep}
    check({"kataVersion": "4.0.0", "job": deep, "affinity": deep, "monitor": deep, "shims": {"qemu": deep}})
    while isinstance(deep, dict):  # taken apart level by level: freeing it at once would recurse
        deep = deep.pop("a")
