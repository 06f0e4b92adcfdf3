"""From the stack's configuration to `Settings`: defaults, validation, all problems at once."""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Literal, get_origin

from pydantic import ValidationError

from kata_components import names
from kata_components.errors import SettingsError
from kata_components.settings.cluster import cluster_problems
from kata_components.settings.derived_names import name_problems
from kata_components.settings.dispatcher_limits import (
    dispatched_defaults,
    dispatcher_without_tag,
    keys_only_the_dispatcher_reads,
    keys_the_dispatcher_cannot_honour,
    reconcile_without_schedule,
)
from kata_components.settings.flat_keys import flat_keys, in_stack, nested
from kata_components.settings.merge import Tree, layered, merged, without
from kata_components.settings.node_binaries import taken_names
from kata_components.settings.problems import Problem, shown, validation_problems
from kata_components.settings.profile import SUPPORTED_VERSIONS, Profile, load_profile
from kata_components.settings.rules import (
    inexpressible_affinity,
    keys_of_another_version,
    keys_of_the_other_mode,
    no_shims,
    retention_in_job_mode,
    unknown_shims,
    untolerated_startup_taints,
)
from kata_components.settings.secret_keys import MAY_BE_SECRET, refused_secrets
from kata_components.settings.settings import Settings
from kata_components.settings.values_file import read_values_file
from kata_components.settings.values_places import has_path, misplaced_values

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


def load_settings(
    config: Mapping[str, object],
    secrets: Collection[str] = (),
    *,
    given_kubeconfig: bool = False,
) -> Settings:
    """Return the settings for a parsed configuration, keys without the project's namespace.

    The layers are Helm's: defaults of the chart, `valuesFile`, the configuration itself. `secrets`
    are the keys with a value that was set with `--secret`; no message shows their values. With
    `given_kubeconfig`, the program passes the kubeconfig on its own and none may be configured.

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
    secret_paths = [flat.get(key, (key,)) for key in hidden]
    found = [
        *refused_secrets(hidden),
        *cluster_problems(meant, given=given_kubeconfig),
        *(in_stack(key, flat[key], None if key in hidden else config[key]) for key in flat),
        *(p for p in problems if not any(p.path[: len(s)] == s for s in secret_paths)),
    ]
    if settings is None or found:
        raise SettingsError(sorted(set(map(str, found))))
    return settings


def _over_file(path: str, config: Mapping[str, object]) -> tuple[Settings | None, list[Problem]]:
    _, of_stack = _validated(config)
    values = read_values_file(path)
    if isinstance(values, Problem):
        return None, [*of_stack, values]
    misplaced = list(misplaced_values(values))
    left_out = {key for problem in misplaced for key in problem.path}
    rest = {key: value for key, value in values.items() if key not in left_out}
    settings, problems = _validated(layered(rest, config))
    # A problem that the stack's configuration alone does not have comes from the file, if the file
    # has the key.
    of_file = [p for p in problems if p not in of_stack and has_path(values, p.path)]
    others = [p for p in problems if p not in of_file]
    return settings, [
        *others,
        *(p._replace(text=f"{p.text} (in {path})") for p in [*of_file, *misplaced]),
    ]


def _validated(config: Mapping[str, object]) -> tuple[Settings | None, list[Problem]]:
    """Return the settings, or None if they are invalid, and the problems."""
    version = config.get("kataVersion")
    if version is None:
        version = SUPPORTED_VERSIONS[-1]  # the one that the problem proposes
    if not isinstance(version, str) or version not in SUPPORTED_VERSIONS:
        return None, [_unknown_version(version)]
    profile = load_profile(version)
    tree = _tree(config, profile)
    problems = list(_rule_problems(config, profile, tree, version))
    try:
        settings = Settings.model_validate(tree)
    except ValidationError as error:
        return None, [*problems, *validation_problems(error, profile.values, version)]
    return settings, [*problems, *name_problems(settings)]


def _unknown_version(version: object) -> Problem:
    *others, newest = SUPPORTED_VERSIONS
    allowed = f"{', '.join(others)} or {newest}"
    return Problem(("kataVersion",), f"must be the text {allowed}, got {shown(version)}")


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
) -> Iterator[Problem]:
    yield from keys_the_dispatcher_cannot_honour(config)
    yield from keys_only_the_dispatcher_reads(config, tree, profile)
    yield from keys_of_another_version(config, profile, version)
    yield from keys_of_the_other_mode(config, profile, tree.get("deploymentMode"))
    yield from inexpressible_affinity(tree, profile)
    yield from retention_in_job_mode(tree, profile)
    yield from dispatcher_without_tag(tree, profile)
    yield from reconcile_without_schedule(tree)
    yield from untolerated_startup_taints(tree, profile)
    yield from taken_names(tree, profile)
    yield from unknown_shims(config, profile, version)
    yield from no_shims(tree)
