"""The tables of the configuration agree with the settings."""

import copy
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import pytest
import yaml

from kata_components.settings import key_tables, profile
from kata_components.settings.load import load_settings
from kata_components.settings.merge import Path, at
from kata_components.settings.profile import load_profile
from kata_components.settings.settings import Settings
from tests.docs.markdown import CHECKOUT, CONFIGURATION, blocks, in_code, section, tables

DEFAULTS = CHECKOUT / "kata_components" / "settings" / "defaults"
VERSIONS = profile.SUPPORTED_VERSIONS
OWN = yaml.safe_load((DEFAULTS / "own.yaml").read_text(encoding="utf-8"))
OWN_VALUES = OWN["values"]
OWN_TABLE = {
    in_code(key)[0]: (default, meaning)
    for key, default, meaning in tables(section(CONFIGURATION, "## Own keys"))
}
OWN_REQUIRED = {"kataVersion", "cluster.context"}
ONE_SHIM = ("shims", "<name>")


def versions_of(cell: str) -> Sequence[str]:
    return VERSIONS if cell == "all" else in_code(cell)


class Row(NamedTuple):
    """One row of the table of chart keys, for one version."""

    version: str
    key: str
    default: str
    mode: str


CHART_KEYS, SHIMS = section(CONFIGURATION, "## Chart keys").split("### Shims\n")
BELOW = {
    (version, key): default
    for key, versions, default in re.findall(
        r"^`([^`\n]+)` \(([^)\n]+)\):\n\n```yaml\n(.+?)\n```$", CHART_KEYS, re.MULTILINE | re.DOTALL
    )
    for version in versions_of(versions)
}
"""Defaults that are too long for a table, by version and key."""
CHART_ROWS = [
    Row(
        version,
        in_code(key)[0],
        BELOW[version, in_code(key)[0]] if default == "below" else in_code(default)[0],
        mode,
    )
    for key, default, versions, mode, _ in tables(CHART_KEYS)
    for version in versions_of(versions)
]
SHIM_ROWS = {
    (version, in_code(name)[0]): in_code(defaults)
    for name, versions, defaults in tables(SHIMS)
    for version in versions_of(versions)
}


def leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key))


def chart_values(version: str) -> dict[str, Any]:
    return {
        key: value for key, value in load_profile(version).values.items() if key not in OWN_VALUES
    }


def chart_default(row: Row) -> Any:
    # This shim changes nothing, so its defaults are those of all shims.
    path = tuple(row.key.split("."))
    return at(
        chart_values(row.version), ("shims", "clh", *path[2:]) if path[:2] == ONE_SHIM else path
    )


def test_tables_are_up_to_date() -> None:
    written = CONFIGURATION.partition(key_tables.BEGIN)[2].lstrip("\n")
    assert written == key_tables.key_tables(), "run `python -m kata_components.settings.key_tables`"


def test_own_keys_are_all_there() -> None:
    assert set(OWN_TABLE) == {*leaves(OWN_VALUES), *OWN_REQUIRED}


@pytest.mark.parametrize("key", sorted(OWN_TABLE))
def test_default_of_own_key(key: str) -> None:
    default = OWN_TABLE[key][0]
    if key in OWN_REQUIRED:
        assert default == "required"
    else:
        assert yaml.safe_load(in_code(default)[0]) == at(OWN_VALUES, tuple(key.split(".")))


@pytest.mark.parametrize("row", CHART_ROWS, ids="-".join)
def test_default_of_chart_key(row: Row) -> None:
    assert yaml.safe_load(row.default) == chart_default(row)


@pytest.mark.parametrize("version", VERSIONS)
def test_chart_keys_are_all_there_once(version: str) -> None:
    values = {key: value for key, value in chart_values(version).items() if key != "shims"}
    values["shims"] = {"disableAll": None, "<name>": chart_values(version)["shims"]["clh"]}
    keys = [row.key for row in CHART_ROWS if row.version == version]
    missing = [
        leaf for leaf in leaves(values) if not any(f"{leaf}.".startswith(f"{key}.") for key in keys)
    ]
    assert missing == []
    assert len(keys) == len(set(keys))


def test_settings_are_all_there() -> None:
    tops = {row.key.partition(".")[0] for row in CHART_ROWS} | {
        key.partition(".")[0] for key in OWN_TABLE
    }
    assert tops == {field.alias or name for name, field in Settings.model_fields.items()}


@pytest.mark.parametrize("row", CHART_ROWS, ids="-".join)
def test_mode_of_chart_key(row: Row) -> None:
    ignored = {
        mode
        for mode, keys in load_profile(row.version).ignored_keys.items()
        if row.key.split(".", maxsplit=1)[0] in keys
    }
    expected = {"job": "daemonset", "daemonset": "job"}[ignored.pop()] if ignored else "both"
    assert row.mode == expected


@pytest.mark.parametrize("version", VERSIONS)
def test_shims_are_all_named_with_what_they_have_of_their_own(version: str) -> None:
    shims = {
        name: shim for name, shim in chart_values(version)["shims"].items() if name != "disableAll"
    }
    assert [name for found, name in SHIM_ROWS if found == version] == list(shims)
    for name, shim in shims.items():
        values = copy.deepcopy(shims["clh"])
        for key, value in (default.split(": ", maxsplit=1) for default in SHIM_ROWS[version, name]):
            *parents, last = key.split(".")
            at(values, tuple(parents))[last] = yaml.safe_load(value)
        assert values == shim


def test_long_defaults_are_shown_once_below_their_table() -> None:
    rows = [
        [(version, in_code(key)[0]) for version in versions_of(versions)]
        for key, default, versions, *_ in tables(CHART_KEYS)
        if default == "below"
    ]
    assert set(BELOW) == {place for row in rows for place in row}
    assert len(rows) == len(blocks(CHART_KEYS, "yaml"))


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_that_are_named_are_supported(version: str) -> None:
    assert in_code(OWN_TABLE["kataVersion"][1]) == list(VERSIONS)
    assert (
        load_settings({"kataVersion": version, "cluster": {"context": "any"}}).kata_version
        == version
    )
