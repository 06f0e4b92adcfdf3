"""A version of the chart as data: `defaults/<version>.yaml`, and `own.yaml` for our keys.

Another version is another file with what it changes, plus whatever new traits its objects need.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any, Final

import yaml

from kata_components.settings.merge import Tree, added, merged, select
from kata_components.settings.shims import Overhead
from kata_components.settings.traits import Traits

_DEFAULTS: Final = FilePath(__file__).parent / "defaults"

SUPPORTED_VERSIONS: Final = tuple(
    sorted(
        (file.stem for file in _DEFAULTS.glob("[0-9]*.yaml")),
        key=lambda version: [int(number) for number in version.split(".")],
    )
)
"""Those that have a file of defaults, the oldest first."""

OWN_KEYS = frozenset(
    {"kataVersion", "cluster", "namespace", "helmReleaseName", "valuesFile", "rollout"}
)
"""The top-level keys that the chart does not have."""


@dataclass(frozen=True, kw_only=True)
class Profile:
    """What one version has: its keys, what happens to those of others, and how its objects look."""

    values: Tree
    """The keys of this version with their defaults."""

    ignored_keys: Mapping[str, Mapping[str, str]]
    """By deployment mode, the keys that it ignores, each with what to do instead."""

    read_by_monitor: frozenset[str]
    """Those of the ignored keys that kata-monitor reads in both modes."""

    replacements: Mapping[str, str]
    """Keys of other versions, as dotted patterns, with what to use at this one."""

    traits: Traits

    overheads: Mapping[str, Overhead]
    """The chart's own overheads, by shim."""


@cache
def load_profile(version: str) -> Profile:
    """Return the profile of a supported version."""
    own, chart = _read("own"), _chart(version)
    values = merged(own["values"], chart["values"])
    replacements = dict(_keys_of_later_versions(version)) | chart["replacements"]
    values["shims"] = {
        name: merged(chart["shimDefaults"], shim) if isinstance(shim, dict) else shim
        for name, shim in values["shims"].items()
    }
    shims = {name: shim for name, shim in values["shims"].items() if isinstance(shim, dict)}
    overheads = {name: shim["runtimeClass"]["overhead"] for name, shim in shims.items()} | chart[
        "otherOverheads"
    ]
    return Profile(
        values=values,
        ignored_keys={
            "job": chart["ignoredInJobMode"],
            "daemonset": chart["ignoredInDaemonsetMode"],
        },
        read_by_monitor=frozenset(chart["readByMonitor"]),
        replacements={
            key: instead
            for key, instead in replacements.items()
            if not any(select(values, tuple(key.split("."))))
        },
        traits=Traits.model_validate(chart["traits"]),
        overheads={name: Overhead.model_validate(overhead) for name, overhead in overheads.items()},
    )


def _keys_of_later_versions(version: str) -> Iterator[tuple[str, str]]:
    """Yield each key that only later versions have, with what to do: the first of them last."""
    ours = _keys(version)
    later = SUPPORTED_VERSIONS[SUPPORTED_VERSIONS.index(version) + 1 :]
    for other in reversed(later):
        for path in added(_keys(other), ours):
            yield ".".join(path), f"remove it, or set kataVersion to {other}"


def _keys(version: str) -> Tree:
    """Return the values of a version, with what all shims share in place of each shim."""
    chart = _chart(version)
    return {**chart["values"], "shims": {"*": chart["shimDefaults"]}}


@cache
def _chart(version: str) -> Tree:
    data: Tree = _read(version)
    base = data.pop("basedOn", None)
    return merged(_chart(base), data) if base else data


def _read(name: str) -> Any:  # noqa: ANN401 - the data file is as trusted as code
    text = (_DEFAULTS / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
