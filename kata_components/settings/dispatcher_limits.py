"""`rollout.runsIn`: the keys that upstream's dispatcher cannot honour, and those only it reads."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from kata_components.settings.merge import Tree, at, differences, merged
from kata_components.settings.problems import Problem, shown
from kata_components.settings.profile import Profile

_PACING: Final[Mapping[str, tuple[object, str]]] = {
    "waves": ([], "starts nodes in the order of their names, job.parallelism at a time"),
    "maxFailures": ("100%", "continues whatever fails"),
    "soakSeconds": (0, "has no waves to wait between"),
    "notReady": ("attempt", "attempts NotReady nodes as well"),
}
"""How the dispatcher behaves: as the value of the key, and in words."""

_NO_DISPATCHER: Final = "no dispatcher runs in the cluster"
_NO_WAIT: Final = "`pulumi up` works on the nodes that are there, and the next one on later nodes"
_ONLY_THE_DISPATCHER_READS: Final[Mapping[str, str]] = {
    "dispatcherImage": _NO_DISPATCHER,
    "dispatcherNodeSelector": _NO_DISPATCHER,
    "dispatcherTolerations": _NO_DISPATCHER,
    "waitForNodesSeconds": _NO_WAIT,
    "nodeSettleSeconds": _NO_WAIT,
    "reconcile": "run `pulumi up` on a schedule instead, it works on late and failed nodes",
}
"""Keys of `job`, and why they have no effect without the dispatcher."""


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


def keys_only_the_dispatcher_reads(
    config: Mapping[str, Any], tree: Tree, profile: Profile
) -> Iterator[Problem]:
    """Yield a problem for each key that is set although no dispatcher runs.

    Only where the version's Jobs have no token: 4.0.0 has always ignored them.
    """
    if (
        tree.get("deploymentMode") != "job"
        or at(tree, ("rollout", "runsIn")) != "pulumi"
        or not profile.traits.token_free_jobs
    ):
        return
    for key, why in _ONLY_THE_DISPATCHER_READS.items():
        path = ("job", key)
        value = at(config, path)
        for place, different in differences(value, profile.values["job"].get(key), path):
            if value is not None and key in profile.values["job"]:
                yield Problem(
                    place,
                    f"{shown(different)} has no effect with rollout.runsIn 'pulumi': {why}; "
                    "remove it, or use runsIn 'cluster'",
                )


def dispatcher_without_tag(tree: Tree, profile: Profile) -> Iterator[Problem]:
    """Yield a problem for an image without tag of a dispatcher with versions of its own."""
    image, usual = ("job", "dispatcherImage"), profile.values["job"]["dispatcherImage"]["tag"]
    reference, tag = at(tree, (*image, "reference")), at(tree, (*image, "tag"))
    runs = tree.get("deploymentMode") == "job" and runs_in_cluster(tree)
    if runs and usual and not tag and "@" not in str(reference):
        yield Problem(
            (*image, "tag"),
            f"must not be empty, since the dispatcher is not versioned like Kata; use {usual!r}, "
            "or give the reference a digest",
        )


def reconcile_without_schedule(tree: Tree) -> Iterator[Problem]:
    """Yield a problem for a CronJob that would never start."""
    reconcile = ("job", "reconcile")
    if at(tree, (*reconcile, "enabled")) is True and not at(tree, (*reconcile, "schedule")):
        yield Problem(
            (*reconcile, "schedule"),
            "must not be empty; use one such as '*/15 * * * *', or set job.reconcile.enabled to "
            "false",
        )


def dispatched_defaults(defaults: Tree, config: Mapping[str, Any]) -> Tree:
    """Return the defaults, with the dispatcher's pacing if it is the runner."""
    if not runs_in_cluster(config):
        return defaults
    return merged(defaults, {"rollout": {key: value for key, (value, _) in _PACING.items()}})
