"""From the stack's configuration to `Settings`: defaults, validation, all problems at once."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, get_origin

from pydantic import ValidationError

from kata_components import names
from kata_components.errors import SettingsError
from kata_components.settings.derived_names import name_problems
from kata_components.settings.dispatcher_limits import (
    dispatched_defaults,
    keys_the_dispatcher_cannot_honour,
)
from kata_components.settings.flat_keys import flat_keys, in_stack, nested
from kata_components.settings.merge import Tree, layered, merged, without
from kata_components.settings.problems import closest, dotted, shown, validation_problems
from kata_components.settings.profile import SUPPORTED_VERSIONS, Profile, load_profile
from kata_components.settings.rules import (
    inexpressible_affinity,
    keys_of_another_version,
    keys_of_the_other_mode,
    no_shims,
    retention_in_job_mode,
    unknown_shims,
    unsupported_runner,
)
from kata_components.settings.secret_keys import MAY_BE_SECRET, refused_secrets
from kata_components.settings.settings import Settings
from kata_components.settings.values_file import read_values_file
from kata_components.settings.values_places import is_about, misplaced_values

_PREFIX = f"{names.PROJECT}:"


def parse_stack_config(raw: Mapping[str, str]) -> dict[str, object]:
    """Return the project's keys of Pulumi's raw configuration with parsed values.

    Pulumi passes maps and lists as JSON, scalars as plain text. Keys that hold text keep it, and so
    do values that cannot be parsed: `load_settings` refuses those with a better message.
    """
    keys = {
        key.removeprefix(_PREFIX): value for key, value in raw.items() if key.startswith(_PREFIX)
    }
    return {key: value if key in _text_keys() else _parsed(value) for key, value in keys.items()}


def project_keys(keys: Iterable[str]) -> set[str]:
    """Return the project's keys among those of Pulumi's configuration, without its namespace."""
    return {key.removeprefix(_PREFIX) for key in keys if key.startswith(_PREFIX)}


def top_level_keys() -> set[str]:
    """Return all top-level keys of the configuration."""
    return {field.alias or name for name, field in Settings.model_fields.items()}


def _text_keys() -> set[str]:
    fields = Settings.model_fields.items()
    return {
        f.alias or name
        for name, f in fields
        if f.annotation in (str, str | None) or get_origin(f.annotation) is Literal
    }


def _parsed(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def load_settings(config: Mapping[str, object], secrets: Collection[str] = ()) -> Settings:
    """Return the settings for a parsed configuration, keys without the project's namespace.

    The layers are Helm's: defaults of the chart, `valuesFile`, the configuration itself. `secrets`
    are the keys with a value that was set with `--secret`; no message shows their values.

    Raises:
        SettingsError: the configuration cannot be honoured; names every problem, and `valuesFile`
            for those that come from it.
    """
    keys = top_level_keys()
    flat = flat_keys(config, keys)
    hidden = {key for key in secrets if key in keys or key in flat} - MAY_BE_SECRET
    meant = nested(config, flat)
    path = meant.get("valuesFile")
    settings, problems = _over_file(path, meant) if isinstance(path, str) else _validated(meant)
    lines = list(refused_secrets(hidden))
    lines += [
        in_stack(key, path, None if key in hidden else config[key]) for key, path in flat.items()
    ]
    revealing = tuple(f"{dotted(flat.get(key, [key]))}{end}" for key in hidden for end in ":.")
    lines += [line for line in problems if not line.startswith(revealing)]
    if settings is None or lines:
        raise SettingsError(sorted(set(lines)))
    return settings


def _over_file(path: str, config: Mapping[str, object]) -> tuple[Settings | None, list[str]]:
    _, of_stack = _validated(config)
    try:
        values = read_values_file(path)
        left_out = dict(misplaced_values(values))
        rest = {key: value for key, value in values.items() if key not in left_out}
        settings, problems = _validated(layered(rest, config))
    except SettingsError as error:
        return None, [*of_stack, *error.problems]
    # A problem that the stack's configuration alone does not have comes from the file, if the file
    # has the key.
    lines = [
        line if line in of_stack or not is_about(line, values) else f"{line} (in {path})"
        for line in problems
    ]
    return settings, [*lines, *(f"{line} (in {path})" for line in left_out.values())]


def _validated(config: Mapping[str, object]) -> tuple[Settings | None, list[str]]:
    """Return the settings, or None if they are invalid, and the problems."""
    try:
        version = _version(config)
    except SettingsError as error:
        return None, list(error.problems)
    profile = load_profile(version)
    tree = _tree(config, profile)
    problems = list(_rule_problems(config, profile, tree, version))
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        return None, [*problems, *validation_problems(error, profile.values, version)]
    return settings, [*problems, *name_problems(settings)]


def _version(config: Mapping[str, object]) -> str:
    """Return the version, which decides what keys are valid."""
    version = config.get("kataVersion")
    if version is None:
        return SUPPORTED_VERSIONS[0]
    if isinstance(version, str) and version in SUPPORTED_VERSIONS:
        return version
    allowed = " or ".join(SUPPORTED_VERSIONS)
    hint = closest(version, SUPPORTED_VERSIONS)
    raise SettingsError([f"kataVersion: must be the text {allowed}, got {shown(version)}{hint}"])


def _tree(config: Mapping[str, object], profile: Profile) -> Tree:
    """Return the configuration over the defaults, without what has a rule of its own."""
    tree = merged(dispatched_defaults(profile.values, config), config)
    for pattern in (tuple(key.split(".")) for key in profile.replacements):
        tree = without(tree, pattern)
    if isinstance(shims := tree.get("shims"), Mapping):
        tree["shims"] = {
            name: shim for name, shim in shims.items() if name in profile.values["shims"]
        }
    return tree


def _rule_problems(
    config: Mapping[str, object], profile: Profile, tree: Tree, version: str
) -> Iterator[str]:
    yield from keys_the_dispatcher_cannot_honour(config)
    yield from unsupported_runner(tree, profile, version)
    yield from keys_of_another_version(config, profile, version)
    yield from keys_of_the_other_mode(config, profile, tree.get("deploymentMode"))
    yield from inexpressible_affinity(tree, profile)
    yield from retention_in_job_mode(tree, profile)
    yield from unknown_shims(config, profile, version)
    yield from no_shims(tree)
