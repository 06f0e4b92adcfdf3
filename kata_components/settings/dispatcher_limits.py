"""`rollout.runsIn: cluster`: how upstream's dispatcher paces, and the keys it cannot honour."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kata_components.settings.merge import Tree, at, merged
from kata_components.settings.problems import Problem, shown

_PACING: Final[Mapping[str, tuple[object, str]]] = {
    "waves": ([], "starts nodes in the order of their names, job.parallelism at a time"),
    "maxFailures": ("100%", "continues whatever fails"),
    "soakSeconds": (0, "has no waves to wait between"),
    "notReady": ("attempt", "attempts NotReady nodes as well"),
}
"""How the dispatcher behaves: as the value of the key, and in words."""


def runs_in_cluster(config: Mapping[str, Any]) -> bool:
    """Whether the raw configuration asks for the dispatcher."""
    return bool(at(config, ("rollout", "runsIn")) == "cluster")


def keys_the_dispatcher_cannot_honour(config: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a problem for each key set to something other than what the dispatcher does."""
    for key, (fixed, does) in _PACING.items() if runs_in_cluster(config) else ():
        value = config["rollout"].get(key, fixed)
        if value != fixed:
            yield Problem(
                ("rollout", key),
                f"{shown(value)} cannot be honoured with rollout.runsIn 'cluster': "
                f"upstream's dispatcher {does}; leave it out, or use runsIn 'pulumi'",
            )


def dispatched_defaults(defaults: Tree, config: Mapping[str, Any]) -> Tree:
    """Return the defaults, with the dispatcher's pacing if it is the runner."""
    if not runs_in_cluster(config):
        return defaults
    return merged(defaults, {"rollout": {key: value for key, (value, _) in _PACING.items()}})
