"""The tables of the configuration say what the settings are."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
import yaml

from kata_components.settings import profile
from kata_components.settings.load import load_settings
from kata_components.settings.merge import Path, at, merged, without
from kata_components.settings.profile import load_profile
from tests.docs.markdown import CHECKOUT, README, in_code, paragraph, section, table

DEFAULTS = CHECKOUT / "kata_components" / "settings" / "defaults"
VERSION = profile.SUPPORTED_VERSIONS[-1]
PROFILE = load_profile(VERSION)
OWN_VALUES = yaml.safe_load((DEFAULTS / "own.yaml").read_text(encoding="utf-8"))["values"]
CHART = yaml.safe_load((DEFAULTS / f"{VERSION}.yaml").read_text(encoding="utf-8"))
OWN_TABLE = {in_code(key)[0]: (default, meaning) for key, default, meaning in table(section(README, "### Own keys"))}
CHART_TABLE = {
    in_code(key)[0]: (in_code(default)[0], mode) for key, default, mode, _ in table(section(README, "### Chart keys"))
}
OWN_REQUIRED = {"kataVersion", "cluster.context"}
ONE_SHIM = "shims.<name>"


def leaves(tree: Mapping[str, Any], path: Path = ()) -> Iterator[str]:
    for key, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*path, key))
        else:
            yield ".".join((*path, key))


def supported(tree: Any) -> Any:
    for pattern in PROFILE.not_supported_yet:
        tree = without(tree, pattern)
    return tree


def chart_default(key: str) -> Any:
    if key == ONE_SHIM:
        shim = merged(CHART["shimDefaults"], {})
        return supported({"shims": {"any": shim}})["shims"]["any"]
    return at(supported(CHART["values"]), tuple(key.split(".")))


def test_own_keys_are_all_there() -> None:
    assert set(OWN_TABLE) == {*leaves(OWN_VALUES), *OWN_REQUIRED}


@pytest.mark.parametrize("key", sorted(OWN_TABLE))
def test_default_of_own_key(key: str) -> None:
    default = OWN_TABLE[key][0]
    if key in OWN_REQUIRED:
        assert default == "required"
    else:
        assert yaml.safe_load(in_code(default)[0]) == at(OWN_VALUES, tuple(key.split(".")))


@pytest.mark.parametrize("key", sorted(CHART_TABLE))
def test_default_of_chart_key(key: str) -> None:
    assert yaml.safe_load(CHART_TABLE[key][0]) == chart_default(key)


def test_chart_keys_are_all_there() -> None:
    values = {key: value for key, value in supported(CHART["values"]).items() if key != "shims"}
    values["shims"] = {"disableAll": None}
    missing = [leaf for leaf in leaves(values) if not any(f"{leaf}.".startswith(f"{key}.") for key in CHART_TABLE)]
    assert missing == []


@pytest.mark.parametrize("key", sorted(CHART_TABLE))
def test_mode_of_chart_key(key: str) -> None:
    unread = {mode for mode, keys in PROFILE.unread.items() if key.split(".", maxsplit=1)[0] in keys}
    expected = {"job": "daemonset", "daemonset": "job"}[unread.pop()] if unread else "both"
    assert CHART_TABLE[key][1] == expected


def test_shims_are_all_named() -> None:
    assert in_code(paragraph(README, f"Shims at {VERSION}: ")) == [
        name for name in CHART["values"]["shims"] if name != "disableAll"
    ]


def test_keys_that_are_refused_are_all_named() -> None:
    assert in_code(paragraph(README, "Refused today")) == [".".join(key) for key in PROFILE.not_supported_yet]


def test_version_of_the_readme_is_supported() -> None:
    assert in_code(OWN_TABLE["kataVersion"][1]) == list(profile.SUPPORTED_VERSIONS)
    config = {"kataVersion": VERSION, "cluster": {"context": "any"}}
    assert load_settings(config).kata_version == VERSION
