"""Rules over several keys, on the raw configuration: what is known but cannot be honoured is refused, never ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from kata_components.settings.merge import Tree, at, differences, select
from kata_components.settings.problems import closest, dotted, shown, unknown_key
from kata_components.settings.profile import Profile

_NOT_YET = "is not supported yet; leave it out"


def unsupported_keys(config: Mapping[str, Any], profile: Profile) -> Iterator[str]:
    """Yield a line for each value of a key that is still to come."""
    for pattern in profile.not_supported_yet:
        for path, value in select(config, pattern):
            for key, different in differences(value, at(profile.values, path), path):
                yield f"{dotted(key)}: {shown(different)} {_NOT_YET}"


def keys_of_the_other_mode(config: Mapping[str, Any], profile: Profile, mode: object) -> Iterator[str]:
    """Yield a line for each key that is set and that the deployment mode does not read."""
    unread = profile.unread.get(mode, {}) if isinstance(mode, str) else {}
    for key, instead in unread.items():
        if key in config:
            for path, value in differences(config[key], profile.values[key], (key,)):
                yield f"{dotted(path)}: {shown(value)} has no effect in {mode} mode; {instead}"
    rollout = config.get("rollout")
    if mode == "daemonset" and isinstance(rollout, Mapping):
        for key in rollout:
            yield f"rollout.{key}: has no effect in daemonset mode; remove it, updateStrategy paces the DaemonSet"


def unknown_shims(config: Mapping[str, Any], profile: Profile, version: str) -> Iterator[str]:
    """Yield a line for each shim that the version does not have, as a key or as a default."""
    known = profile.values["shims"]
    for path, _ in select(config, ("shims", "*")):
        if path[-1] not in known:
            yield unknown_key(path, known, version)
    for path, name in select(config, ("defaultShim", "*")):
        if isinstance(name, str) and name and name not in known:
            yield f"{dotted(path)}: {shown(name)} is no shim of {version}{closest(name, known)}"


def no_shims(tree: Tree) -> Iterator[str]:
    """Yield a line when every shim is off: the node program would then install all it has (contract 4.6)."""
    shims = tree.get("shims")
    if not isinstance(shims, Mapping):
        return
    by_default = shims.get("disableAll") is not True
    states = [shim.get("enabled") for shim in shims.values() if isinstance(shim, Mapping)]
    if not any(by_default if state is None else state for state in states):
        yield "shims: all are off; enable at least one with `shims.<name>.enabled: true`"
