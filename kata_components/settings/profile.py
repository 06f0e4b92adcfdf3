"""What a version of the chart has, as data: `defaults/<version>.yaml`, and `defaults/own.yaml` for the keys of ours.

A further version is a further file, plus what its pipeline changes in `manifests`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path as FilePath
from typing import Any

from kata_components.settings.merge import Path, Tree, merged

SUPPORTED_VERSIONS = ("4.0.0",)
COMING_VERSIONS = ("4.1.0",)

OWN_KEYS = frozenset({"kataVersion", "cluster", "namespace", "helmReleaseName", "valuesFile", "rollout"})
"""The top-level keys that the chart does not have."""

_DEFAULTS = FilePath(__file__).parent / "defaults"


@dataclass(frozen=True, kw_only=True)
class Profile:
    """The keys of one version with their defaults, and how far they count.

    `unread` says per deployment mode which keys it does not read, each with what to do instead.
    """

    values: Tree
    not_supported_yet: tuple[Path, ...]
    unread: Mapping[str, Mapping[str, str]]


@cache
def load_profile(version: str) -> Profile:
    """Return the profile of a supported version."""
    own, chart = _read("own"), _read(version)
    values = merged(own["values"], chart["values"])
    values["shims"] = {
        name: merged(chart["shimDefaults"], shim) if isinstance(shim, dict) else shim
        for name, shim in values["shims"].items()
    }
    return Profile(
        values=values,
        not_supported_yet=tuple(tuple(key.split(".")) for key in own["notSupportedYet"] + chart["notSupportedYet"]),
        unread={"job": chart["unreadInJobMode"], "daemonset": chart["unreadInDaemonsetMode"]},
    )


def _read(name: str) -> Any:  # noqa: ANN401 - the data file is as trusted as code
    import yaml  # noqa: PLC0415 - loaded with the first profile, so that importing the models stays quick

    text = (_DEFAULTS / f"{name}.yaml").read_text(encoding="utf-8")
    return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 - both are safe loaders
