"""Any input gives settings or a `SettingsError` with bounded lines that name their path."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings, parse_stack_config
from kata_components.settings.problems import dotted
from kata_components.settings.settings import Settings
from kata_components.settings.values_file import read_values_file
from tests.settings.fuzz import NEWEST, PROFILE, garbage, known, share, values_files

MAX_LINE = 1_000
MINIMAL: dict[str, Any] = {"kataVersion": NEWEST, "cluster": {"context": "c"}}
KEYS = {field.alias or name for name, field in Settings.model_fields.items()} | PROFILE.keys()

top_level = st.sampled_from([*sorted(PROFILE), "kataVersion", "cluster"])
flat = st.builds(
    "{}{}".format,
    top_level,
    st.sampled_from([".", ".a", ".a.b", "[0]", '["a"]', ".\n", "..", ".['"]),
)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A path for a values file; each input overwrites it."""
    return tmp_path_factory.mktemp("values") / "values.yaml"


def check(config: dict[str, Any], secrets: Collection[str] = ()) -> None:
    try:
        load_settings(config, secrets)
    except SettingsError as error:
        lines = error.problems
    else:
        return
    paths = tuple(
        f"{dotted([key])}{end}"
        for key in KEYS | config.keys() | keys_in_file(config)
        for end in ".:["
    )
    assert lines
    for line in lines:
        assert "\n" not in line
        assert len(line) < MAX_LINE
        assert line.startswith(paths), f"{line!r} does not begin with a key"


def keys_in_file(config: dict[str, Any]) -> set[str]:
    path = config.get("valuesFile")
    values = read_values_file(path) if isinstance(path, str) else {}
    return set(values) if isinstance(values, dict) else set()


@share(1)
@given(
    st.dictionaries(top_level | flat | st.text(max_size=5), garbage, max_size=6),
    st.sets(top_level | flat),
)
def test_nested_garbage_never_escapes(config: dict[str, Any], secrets: set[str]) -> None:
    check({"kataVersion": NEWEST} | config, secrets & config.keys())


@share(1)
@given(st.sampled_from(sorted(PROFILE["shims"])), known, garbage)
def test_garbage_inside_shims_never_escapes(shim: str, key: str, value: Any) -> None:
    check({**MINIMAL, "shims": {shim: {key: value}}})


@share(1)
@given(
    st.dictionaries(
        st.text(max_size=30).map("kata-deploy:{}".format) | st.text(max_size=5),
        st.text(),
        max_size=5,
    )
)
def test_garbage_text_never_escapes(raw: dict[str, str]) -> None:
    check(parse_stack_config(raw))


@share(6)
@given(
    values_files(),
    st.sampled_from([{}, {"deploymentMode": "job"}, {"job": {"nodes": ["a"]}, "shims": None}]),
)
@example("{", {})
def test_values_files_with_mistakes_never_escape(
    file: Path, text: str, config: dict[str, Any]
) -> None:
    file.write_text(text, encoding="utf-8")
    check({**MINIMAL, "valuesFile": str(file), **config})


@share(1)
@given(st.dictionaries(top_level, garbage, max_size=3), values_files())
def test_garbage_over_a_values_file_never_escapes(
    file: Path, config: dict[str, Any], text: str
) -> None:
    file.write_text(text, encoding="utf-8")
    check({**MINIMAL, **config, "valuesFile": str(file)})


def test_numbers_too_long_to_print_are_refused() -> None:
    long = 10**10_000
    check(
        {
            "kataVersion": NEWEST,
            "namespace": long,
            "monitor": long,
            "podLabels": {"a": long},
            "debug": long,
        }
    )


def test_very_deep_nesting_is_refused() -> None:
    deep: Any = "x"
    for _ in range(100_000):
        deep = {"a": deep}
    check({**MINIMAL, "job": deep, "affinity": deep, "monitor": deep, "shims": {"qemu": deep}})
    while isinstance(deep, dict):  # level by level: freeing it at once would recurse
        deep = deep.pop("a")
