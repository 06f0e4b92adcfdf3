"""The tables of the configuration say what the settings are."""

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import pytest
import yaml

from kata_components.settings import profile
from kata_components.settings.load import load_settings
from kata_components.settings.merge import Path, at
from kata_components.settings.profile import load_profile
from tests.docs.markdown import CHECKOUT, README, in_code, paragraph, section, tables

DEFAULTS = CHECKOUT / "kata_components" / "settings" / "defaults"
VERSIONS = profile.SUPPORTED_VERSIONS
OWN = yaml.safe_load((DEFAULTS / "own.yaml").read_text(encoding="utf-8"))
OWN_VALUES = OWN["values"]
OWN_TABLE = {in_code(key)[0]: (default, meaning) for key, default, meaning in tables(section(README, "### Own keys"))}
OWN_REQUIRED = {"kataVersion", "cluster.context"}
ONE_SHIM = "shims.<name>"


class Row(NamedTuple):
    """One row of the table of chart keys, for one version."""

    version: str
    key: str
    default: str
    mode: str


CHART_ROWS = [
    Row(version, in_code(key)[0], in_code(default)[0], mode)
    for key, default, versions, mode, _ in tables(section(README, "### Chart keys"))
    for version in (VERSIONS if versions == "both" else in_code(versions))
]


def leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key))


def chart_values(version: str) -> dict[str, Any]:
    return {key: value for key, value in load_profile(version).values.items() if key not in OWN_VALUES}


def chart_default(row: Row) -> Any:
    # The shim that has nothing of its own has the defaults of all shims.
    path = ("shims", "clh") if row.key == ONE_SHIM else tuple(row.key.split("."))
    return at(chart_values(row.version), path)


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
    values["shims"] = {"disableAll": None}
    keys = [row.key for row in CHART_ROWS if row.version == version]
    missing = [leaf for leaf in leaves(values) if not any(f"{leaf}.".startswith(f"{key}.") for key in keys)]
    assert missing == []
    assert len(keys) == len(set(keys))


@pytest.mark.parametrize("row", CHART_ROWS, ids="-".join)
def test_mode_of_chart_key(row: Row) -> None:
    unread = {
        mode for mode, keys in load_profile(row.version).unread.items() if row.key.split(".", maxsplit=1)[0] in keys
    }
    expected = {"job": "daemonset", "daemonset": "job"}[unread.pop()] if unread else "both"
    assert row.mode == expected


def test_shims_are_all_named() -> None:
    first, *later = ([name for name in chart_values(v)["shims"] if name != "disableAll"] for v in VERSIONS)
    assert in_code(paragraph(README, "Shims at both versions: ")) == first
    (newest,) = later
    assert in_code(paragraph(README, f"Shims at {VERSIONS[-1]} only: ")) == [n for n in newest if n not in first]


@pytest.mark.parametrize("version", VERSIONS)
def test_versions_of_the_readme_are_supported(version: str) -> None:
    assert in_code(OWN_TABLE["kataVersion"][1]) == list(VERSIONS)
    assert load_settings({"kataVersion": version, "cluster": {"context": "any"}}).kata_version == version
