"""The tables of `docs/configuration.md`: every key with its default, versions, mode and meaning.

Made of the data that the program and the schema for editors use (`defaults/*.yaml`). The program
does not use it: `python -m kata_components.settings.key_tables` writes the tables.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Final, TypeVar

import yaml

from kata_components import names
from kata_components.settings.merge import Path, Tree, differences
from kata_components.settings.profile import OWN_KEYS, SUPPORTED_VERSIONS, load_profile
from kata_components.settings.schema import stack_schema

FILE: Final = FilePath(__file__).parents[2] / "docs" / "configuration.md"
BEGIN: Final = "<!-- Written by `python -m kata_components.settings.key_tables`, to the end. -->\n"

ONE_SHIM: Final = "<name>"
"""Stands for every shim, with the defaults that all of them start from."""

_PLAIN_SHIM: Final = "clh"
"""A shim without defaults of its own."""

_GROUPS: Final[Mapping[str, tuple[str, ...]]] = {
    "Mode and images": (
        "deploymentMode", "debug", "devkit", "logLevel", "k8sDistribution",
        "image", "imagePullPolicy", "imagePullSecrets", "kubectlImage",
        "nameOverride", "fullnameOverride",
    ),
    "Job mode": ("job",),
    "Pods on the nodes": (
        "nodeSelector", "affinity", "tolerations", "startupTaints", "priorityClassName",
        "podLabels", "podAnnotations", "updateStrategy", "resources", "health",
    ),
    "What reaches the nodes": (
        "env", "containerd", "snapshotter",
        "runtimeClasses", "defaultShim", "shims", "customRuntimes",
    ),
    "Beside Kata": ("monitor", "verification", "node-feature-discovery", "nodeFeatureRules"),
}  # fmt: skip
"""The chart's top-level keys, under the headings of their tables."""

_Row = TypeVar("_Row")

_REQUIRED: Final = ("kataVersion", "cluster.context")
_WHOLE: Final = ("Image", "ExactImage", "Probe", "StartupProbe")
"""Models that occur several times: a row of the table is one of them, not one of its keys."""

_LONGEST: Final = 75
"""Characters; a longer default stands below its table."""


@dataclass(frozen=True)
class _Key:
    path: str
    default: str
    meaning: str


def key_tables() -> str:
    """Return the written part of the document."""
    lines = ["## Own keys", "", *_own_table(), "", "## Chart keys"]
    for title, keys in _GROUPS.items():
        lines += ["", f"### {title}", "", *_chart_table(keys)]
    return "\n".join([*lines, "", "### Shims", "", *_shim_table(), ""])


def _own_table() -> Iterator[str]:
    yield from ("| key | default | meaning |", "|---|---|---|")
    values = load_profile(SUPPORTED_VERSIONS[-1]).values
    own = {key: value for key, value in values.items() if key in OWN_KEYS}
    for path in _REQUIRED:
        yield f"| `{path}` | required | {_meaning(path)} |"
    for key in _keys(own):
        yield f"| `{key.path}` | `{key.default}` | {key.meaning} |"


def _chart_table(keys: tuple[str, ...]) -> Iterator[str]:
    yield from ("| key | default | version | mode | meaning |", "|---|---|---|---|---|")
    below = []
    for key, versions, mode in _chart_rows(keys):
        default = f"`{key.default}`"
        if len(key.default) > _LONGEST:
            default = "below"
            below += ["", f"The default of `{key.path}`:", "", "```yaml", key.default, "```"]
        yield f"| `{key.path}` | {default} | {versions} | {mode} | {key.meaning} |"
    yield from below


def _chart_rows(keys: tuple[str, ...]) -> Iterator[tuple[_Key, str, str]]:
    """Yield each key with its versions and its mode."""
    by_version = {version: _chart_keys(version, keys) for version in SUPPORTED_VERSIONS}
    for path in dict.fromkeys(path for found in by_version.values() for path in found):
        rows = {version: found[path] for version, found in by_version.items() if path in found}
        for versions, (key, mode) in _by_version(rows):
            yield key, versions, mode


def _by_version(rows: Mapping[str, _Row]) -> Iterator[tuple[str, _Row]]:
    """Yield one row for all versions if they agree, else one for each."""
    first = next(iter(rows.values()))
    if len(rows) == len(SUPPORTED_VERSIONS) and all(row == first for row in rows.values()):
        yield "all", first
    else:
        yield from ((f"`{version}`", row) for version, row in rows.items())


def _chart_keys(version: str, keys: tuple[str, ...]) -> dict[str, tuple[_Key, str]]:
    """Return the keys of a version by path, each with its mode."""
    profile = load_profile(version)
    shims = profile.values["shims"]
    shown = {"disableAll": shims["disableAll"], ONE_SHIM: shims[_PLAIN_SHIM]}
    values = profile.values | {"shims": shown}
    found = _keys({top: values.get(top) for top in keys})
    modes = ((key, _mode(version, key.path.partition(".")[0])) for key in found)
    return {key.path: (key, mode) for key, mode in modes if key.path not in profile.replacements}


def _mode(version: str, top: str) -> str:
    ignored = load_profile(version).ignored_keys
    if top in ignored["job"]:
        return "daemonset"
    return "job" if top in ignored["daemonset"] else "both"


def _shim_table() -> Iterator[str]:
    yield from ("| shim | version | other defaults than the common ones |", "|---|---|---|")
    by_version = {version: _shims(version) for version in SUPPORTED_VERSIONS}
    for name in dict.fromkeys(name for shims in by_version.values() for name in shims):
        rows = {version: shims[name] for version, shims in by_version.items() if name in shims}
        for versions, defaults in _by_version(rows):
            yield f"| `{name}` | {versions} | {defaults} |"


def _shims(version: str) -> dict[str, str]:
    """Return the shims of a version, each with the defaults that others have not."""
    values = load_profile(version).values["shims"]
    shims = {name: shim for name, shim in values.items() if isinstance(shim, dict)}
    return {name: _of_its_own(shim, shims[_PLAIN_SHIM]) for name, shim in shims.items()}


def _of_its_own(shim: Tree, common: Tree) -> str:
    found = {".".join(path): value for path, value in differences(shim, common, ())}
    return ", ".join(f"`{path}: {_flow(value)}`" for path, value in found.items())


def _keys(values: Tree) -> Iterator[_Key]:
    for top, value in values.items():
        yield from _leaves((top,), value, _schema()["properties"][top])


def _leaves(path: Path, value: object, schema: Mapping[str, Any]) -> Iterator[_Key]:
    """Yield the keys below a path, as deep as the settings name keys and the defaults have any."""
    named = _model(schema)
    if isinstance(value, Mapping) and value and named:
        unset = (key for key, inner in named.items() if inner.get("default", key) is None)
        for key in dict.fromkeys((*value, *unset)):
            of_key = named[_PLAIN_SHIM if key == ONE_SHIM else key]
            yield from _leaves((*path, key), value.get(key), of_key)
    else:
        yield _Key(".".join(path), _flow(value), schema["description"])


def _model(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the keys of the model that a schema refers to, none for one that is shown whole."""
    for choice in (schema, *schema.get("anyOf", ())):
        if "$ref" in choice:
            name = choice["$ref"].rpartition("/")[2]
            keys: Mapping[str, Any] = _schema()["$defs"][name].get("properties", {})
            return {} if name in _WHOLE else keys
    return {}


def _meaning(path: str) -> str:
    """Return the meaning of a key that has no default."""
    top, *rest = path.split(".")
    schema = _schema()["properties"][top]
    for key in rest:
        schema = _model(schema)[key]
    meaning: str = schema["description"]
    return meaning


@cache
def _schema() -> dict[str, Any]:
    schema = stack_schema()
    keys = schema["properties"]["config"]["properties"]
    of_ours = {key.removeprefix(f"{names.PROJECT}:"): value for key, value in keys.items()}
    return {"properties": of_ours, "$defs": schema["$defs"]}


def _flow(value: object) -> str:
    """Return a value as YAML on one line."""
    text = yaml.safe_dump([value], default_flow_style=True, sort_keys=False, width=10_000)
    return text.strip()[1:-1]


if __name__ == "__main__":
    before, begin, _ = FILE.read_text(encoding="utf-8").partition(BEGIN)
    FILE.write_text(f"{before}{begin}\n{key_tables()}", encoding="utf-8")
