"""Rules over several raw keys: what is known but cannot be honoured is refused, never ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from kata_components.settings.affinity import AS_LABEL_SELECTOR, NodeAffinity, NodeSelectorTerm
from kata_components.settings.implied_tolerations import IMPLIED_TOLERATIONS
from kata_components.settings.merge import Path, Tree, at, differences, select
from kata_components.settings.problems import Problem, closest, dotted, shown
from kata_components.settings.profile import Profile

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_LEAST_TTL = 60


def keys_of_another_version(
    config: Mapping[str, Any], profile: Profile, version: str
) -> Iterator[Problem]:
    """Yield a problem for each key that only other versions have."""
    for key, instead in profile.replacements.items():
        for path, value in select(config, tuple(key.split("."))):
            if value is not None:
                yield Problem(path, f"no such key at {version}; {instead}")


def keys_of_the_other_mode(
    config: Mapping[str, Any], profile: Profile, mode: object
) -> Iterator[Problem]:
    """Yield a problem for each key that is set but that the deployment mode ignores."""
    ignored = profile.ignored_keys.get(mode, {}) if isinstance(mode, str) else {}
    for key, instead in ignored.items():
        if key in config and not _read_by_monitor(config, profile, key):
            for path, value in differences(config[key], profile.values[key], (key,)):
                if dotted(path) not in profile.replacements:
                    yield Problem(path, f"{shown(value)} has no effect in {mode} mode; {instead}")
    rollout = config.get("rollout")
    if mode == "daemonset" and isinstance(rollout, Mapping):
        for key, value in rollout.items():
            # Adopting a Helm release concerns its objects in either mode.
            if (key, value) != ("existing", "adopt"):
                yield Problem(
                    ("rollout", key),
                    "has no effect in daemonset mode; remove it: "
                    "updateStrategy paces the DaemonSet",
                )


def _read_by_monitor(config: Mapping[str, Any], profile: Profile, key: str) -> bool:
    """Whether kata-monitor gives the key an effect.

    A node selector for kata-monitor alone must not look like the selection of the nodes to install
    on, so that selection has to be set as well.
    """
    if key not in profile.read_by_monitor or at(config, ("monitor", "enabled")) is not True:
        return False
    selections = ("nodes", "nodeSelector", "nodeSelectorExpressions")
    return key != "nodeSelector" or any(
        at(config, ("job", selection)) is not None for selection in selections
    )


def inexpressible_affinity(tree: Tree, profile: Profile) -> Iterator[Problem]:
    """Yield a problem for empty required terms, which the API server refuses.

    In job mode, also for each part that a label selector cannot express (contract 2.9, F7 to F10).
    """
    install, cleanup = ("affinity", "nodeAffinity"), ("job", "cleanup", "nodeAffinity")
    terms = _required_terms(at(tree, install))
    path = (*install, _REQUIRED, "nodeSelectorTerms")
    if terms == ():
        yield Problem(
            path, f"is empty, which selects no node at all; remove {_REQUIRED} to select every node"
        )
    if tree.get("deploymentMode") != "job" or not profile.traits.token_free_jobs:
        return
    for index, term in enumerate(terms or ()):
        if not term.match_expressions and not term.match_fields:
            yield Problem(
                (*path, str(index)),
                "is empty, which selects no node; remove it or give it matchExpressions",
            )
        yield from _inexpressible(term, (*path, str(index)), "job.nodes")
    for index, term in enumerate(_required_terms(at(tree, cleanup)) or ()):
        of_cleanup = (*cleanup, _REQUIRED, "nodeSelectorTerms", str(index))
        yield from _inexpressible(term, of_cleanup, "job.cleanup.nodes")


def _required_terms(affinity: object) -> tuple[NodeSelectorTerm, ...] | None:
    """Return the required terms; None if there are none, or if the affinity is invalid."""
    try:
        required = NodeAffinity.model_validate(
            affinity
        ).required_during_scheduling_ignored_during_execution
    except ValidationError:
        return None
    return required.node_selector_terms if required else None


def _inexpressible(term: NodeSelectorTerm, path: Path, by_name: str) -> Iterator[Problem]:
    if term.match_fields:
        yield Problem(
            (*path, "matchFields"),
            f"cannot be used in job mode, which selects by labels; name nodes in {by_name}",
        )
    for index, requirement in enumerate(term.match_expressions):
        if requirement.operator not in AS_LABEL_SELECTOR:
            yield Problem(
                (*path, "matchExpressions", str(index), "operator"),
                f"must be {', '.join(AS_LABEL_SELECTOR[:-1])} or {AS_LABEL_SELECTOR[-1]} "
                f"in job mode, which selects by labels, got {requirement.operator!r}",
            )


def retention_in_job_mode(tree: Tree, profile: Profile) -> Iterator[Problem]:
    """Yield a problem if Jobs vanish before it is seen how they ended (contract 2.9, F11)."""
    seconds = at(tree, ("job", "ttlSecondsAfterFinished"))
    counts = tree.get("deploymentMode") == "job" and profile.traits.token_free_jobs
    if (
        counts
        and isinstance(seconds, int)
        and not isinstance(seconds, bool)
        and 0 <= seconds < _LEAST_TTL
    ):
        yield Problem(
            ("job", "ttlSecondsAfterFinished"),
            f"must be at least {_LEAST_TTL}, got {seconds}: a Job would be removed before it is "
            "seen how it ended, and its node would count as failed",
        )


def untolerated_startup_taints(tree: Tree, profile: Profile) -> Iterator[Problem]:
    """Yield a problem for each startup taint that keeps Jobs off the node it is to be lifted from.

    Jobs without a token heed taints (contract 5.2, D8), except on nodes given by name.
    """
    counts = tree.get("deploymentMode") == "job" and profile.traits.token_free_jobs
    taints, tolerations = tree.get("startupTaints"), tree.get("tolerations")
    if not counts or at(tree, ("job", "nodes")) or not isinstance(taints, list):
        return
    own = tolerations if isinstance(tolerations, list) else []
    known = [t for t in (*own, *IMPLIED_TOLERATIONS) if isinstance(t, Mapping)]
    for index, taint in enumerate(taints):
        key, _, effect = taint.partition(":") if isinstance(taint, str) else ("", "", "")
        if key and not any(_may_tolerate(toleration, key, effect) for toleration in known):
            yield Problem(
                ("startupTaints", str(index)),
                f"{shown(taint)} is not tolerated by the per-node Jobs, so nodes with it would be "
                f"skipped forever; add {{key: {shown(key)}, operator: Exists}} to tolerations",
            )


def _may_tolerate(toleration: Mapping[str, Any], key: str, effect: str) -> bool:
    """Whether a taint with this key may be tolerated: `startupTaints` leaves its value open.

    Without an effect, it stands for all of them. PreferNoSchedule keeps no Job off a node.
    """
    effects = (None, "", effect) if effect else (None, "", "NoSchedule", "NoExecute")
    return effect == "PreferNoSchedule" or (
        toleration.get("key") in (None, "", key) and toleration.get("effect") in effects
    )


def unknown_shims(config: Mapping[str, Any], profile: Profile, version: str) -> Iterator[Problem]:
    """Yield a problem for each key, default or base that is not a shim of the version."""
    keys = profile.values["shims"]
    for path, shim in select(config, ("shims", "*")):
        if path[-1] not in keys:
            hint = closest(path[-1], keys)
            if isinstance(shim, Mapping) and shim.get("enabled") is False:
                hint += " Otherwise remove it" if hint else "; remove it"
            yield Problem(path, f"no such key at {version}{hint}")
    known = sorted(name for name, shim in keys.items() if isinstance(shim, Mapping))
    for path, name in select(config, ("defaultShim", "*")):
        if isinstance(name, str) and name and name not in known:
            hint = closest(name, known)
            yield Problem(path, f"{shown(name)} is not a shim of {version}{hint}")
    bases = select(config, ("customRuntimes", "runtimes", "*", "baseConfig"))
    for path, name in bases if at(config, ("customRuntimes", "enabled")) is True else ():
        if isinstance(name, str) and name not in known:
            hint = closest(name, known) or f"; allowed: {', '.join(known)}"
            yield Problem(path, f"{shown(name)} is not a shim of {version}{hint}")


def no_shims(tree: Tree) -> Iterator[Problem]:
    """Yield a problem when no shim is enabled: the node program would install all (contract 4.6).

    With custom runtimes that is intended: their base shims have to come from somewhere.
    """
    shims = tree.get("shims")
    only_custom = at(tree, ("customRuntimes", "enabled")) is True and at(
        tree, ("customRuntimes", "runtimes")
    )
    if not isinstance(shims, Mapping) or only_custom:
        return
    by_default = shims.get("disableAll") is not True
    states = [shim.get("enabled") for shim in shims.values() if isinstance(shim, Mapping)]
    if not any(by_default if state is None else state for state in states):
        yield Problem(
            ("shims",), "all are disabled; enable at least one with `shims.<name>.enabled: true`"
        )
