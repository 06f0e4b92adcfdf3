"""From the stack's configuration to `Settings`: defaults of the version, validation, all problems at once."""

import json
from collections.abc import Iterator, Mapping
from typing import Literal, get_origin

from pydantic import ValidationError

from kata_components import names
from kata_components.errors import SettingsError
from kata_components.settings.dispatched import dispatched_defaults, keys_the_dispatcher_cannot_honour
from kata_components.settings.merge import Tree, merged, without
from kata_components.settings.problems import closest, shown, validation_problems
from kata_components.settings.profile import COMING_VERSIONS, SUPPORTED_VERSIONS, Profile, load_profile
from kata_components.settings.rules import keys_of_the_other_mode, no_shims, unknown_shims, unsupported_keys
from kata_components.settings.settings import Settings

_PREFIX = f"{names.PROJECT}:"


def parse_stack_config(raw: Mapping[str, str]) -> dict[str, object]:
    """Return the project's keys of Pulumi's raw configuration with their values parsed.

    Pulumi hands maps and lists over as JSON, scalars as plain text. A key that holds text keeps its text; what cannot
    be parsed stays text too, for `load_settings` to refuse with the right words.
    """
    keys = {key.removeprefix(_PREFIX): value for key, value in raw.items() if key.startswith(_PREFIX)}
    return {key: value if key in _text_keys() else _parsed(value) for key, value in keys.items()}


def _text_keys() -> set[str]:
    fields = Settings.model_fields.items()
    return {f.alias or name for name, f in fields if f.annotation is str or get_origin(f.annotation) is Literal}


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def load_settings(config: Mapping[str, object]) -> Settings:
    """Return the settings for a parsed configuration, keys without the project's namespace.

    Raises:
        SettingsError: the configuration cannot be honoured; names every problem.
    """
    version = _version(config)
    profile = load_profile(version)
    tree = _tree(config, profile)
    problems = list(_rule_problems(config, profile, tree, version))
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        problems += validation_problems(error, profile.values, version)
    if problems:
        raise SettingsError(sorted(set(problems)))
    return settings


def _version(config: Mapping[str, object]) -> str:
    """Return the version to read the configuration by: which keys there are depends on it."""
    version = config.get("kataVersion")
    if version is None:
        return SUPPORTED_VERSIONS[-1]
    if isinstance(version, str) and version in SUPPORTED_VERSIONS:
        return version
    allowed = " or ".join(SUPPORTED_VERSIONS)
    if isinstance(version, str) and version in COMING_VERSIONS:
        raise SettingsError([f"kataVersion: {version} is not supported yet; use {allowed}"])
    hint = closest(version, SUPPORTED_VERSIONS)
    raise SettingsError([f"kataVersion: must be the text {allowed}, got {shown(version)}{hint}"])


def _tree(config: Mapping[str, object], profile: Profile) -> Tree:
    """Return the configuration over the defaults, less what has its own rule."""
    tree = merged(dispatched_defaults(profile.values, config), config)
    for pattern in profile.not_supported_yet:
        tree = without(tree, pattern)
    if isinstance(shims := tree.get("shims"), Mapping):
        tree["shims"] = {name: shim for name, shim in shims.items() if name in profile.values["shims"]}
    return tree


def _rule_problems(config: Mapping[str, object], profile: Profile, tree: Tree, version: str) -> Iterator[str]:
    yield from unsupported_keys(config, profile)
    yield from keys_the_dispatcher_cannot_honour(config)
    yield from keys_of_the_other_mode(config, profile, tree.get("deploymentMode"))
    yield from unknown_shims(config, profile, version)
    yield from no_shims(tree)
