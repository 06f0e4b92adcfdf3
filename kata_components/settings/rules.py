"""Rules over several raw keys: what is known but cannot be honoured is refused, never ignored."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from kata_components.settings.affinity import AS_LABEL_SELECTOR, NodeAffinity, NodeSelectorTerm
from kata_components.settings.merge import Tree, at, differences, select
from kata_components.settings.problems import closest, dotted, shown, unknown_key
from kata_components.settings.profile import Profile

_REQUIRED = "requiredDuringSchedulingIgnoredDuringExecution"
_LEAST_TTL = 60


def unsupported_runner(tree: Tree, profile: Profile, version: str) -> Iterator[str]:
    """Yield a line when this version does not support the runner of the rollout."""
    runner = at(tree, ("rollout", "runsIn"))
    if tree.get("deploymentMode") != "job":
        return
    if runner == "pulumi" and profile.traits.dispatcher_does_node_work:
        yield (
            f"rollout.runsIn: 'pulumi' is not supported yet with kataVersion {version}: "
            "its per-node Jobs leave a node's labels and taints to the dispatcher; "
            "use 'cluster', or kataVersion 4.0.0"
        )


def keys_of_another_version(
    config: Mapping[str, Any], profile: Profile, version: str
) -> Iterator[str]:
    """Yield a line for each key that only other versions have."""
    for key, instead in profile.replacements.items():
        for path, value in select(config, tuple(key.split("."))):
            if value is not None:
                yield f"{dotted(path)}: no such key at {version}; {instead}"


def keys_of_the_other_mode(
    config: Mapping[str, Any], profile: Profile, mode: object
) -> Iterator[str]:
    """Yield a line for each key that is set but that the deployment mode ignores."""
    ignored = profile.ignored_keys.get(mode, {}) if isinstance(mode, str) else {}
    for key, instead in ignored.items():
        if key in config and not _read_by_monitor(config, profile, key):
            for path, value in differences(config[key], profile.values[key], (key,)):
                if dotted(path) not in profile.replacements:
                    yield f"{dotted(path)}: {shown(value)} has no effect in {mode} mode; {instead}"
    rollout = config.get("rollout")
    if mode == "daemonset" and isinstance(rollout, Mapping):
        for key, value in rollout.items():
            # Adopting a Helm release concerns its objects in either mode.
            if (key, value) != ("existing", "adopt"):
                yield (
                    f"rollout.{key}: has no effect in daemonset mode; remove it: "
                    "updateStrategy paces the DaemonSet"
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


def inexpressible_affinity(tree: Tree, profile: Profile) -> Iterator[str]:
    """Yield a line for empty required terms, which the API server refuses.

    In job mode, also for each part that a label selector cannot express (contract 2.9, F7 to F10).
    """
    install, cleanup = ("affinity", "nodeAffinity"), ("job", "cleanup", "nodeAffinity")
    terms = _required_terms(at(tree, install))
    path = f"{dotted(install)}.{_REQUIRED}.nodeSelectorTerms"
    if terms == ():
        yield (
            f"{path}: is empty, which selects no node at all; "
            f"remove {_REQUIRED} to select every node"
        )
    if tree.get("deploymentMode") != "job" or not profile.traits.dispatcher_does_node_work:
        return
    for index, term in enumerate(terms or ()):
        if not term.match_expressions and not term.match_fields:
            yield (
                f"{path}.{index}: is empty, which selects no node; "
                "remove it or give it matchExpressions"
            )
        yield from _inexpressible(term, f"{path}.{index}", "job.nodes")
    for index, term in enumerate(_required_terms(at(tree, cleanup)) or ()):
        yield from _inexpressible(
            term, f"{dotted(cleanup)}.{_REQUIRED}.nodeSelectorTerms.{index}", "job.cleanup.nodes"
        )


def _required_terms(affinity: object) -> tuple[NodeSelectorTerm, ...] | None:
    """Return the required terms; None if there are none, or if the affinity is invalid."""
    try:
        required = NodeAffinity.model_validate(
            affinity
        ).required_during_scheduling_ignored_during_execution
    except ValidationError:
        return None
    return required.node_selector_terms if required else None


def _inexpressible(term: NodeSelectorTerm, path: str, by_name: str) -> Iterator[str]:
    if term.match_fields:
        yield (
            f"{path}.matchFields: cannot be used in job mode, which selects by labels; "
            f"name nodes in {by_name}"
        )
    for index, requirement in enumerate(term.match_expressions):
        if requirement.operator not in AS_LABEL_SELECTOR:
            yield (
                f"{path}.matchExpressions.{index}.operator: must be "
                f"{', '.join(AS_LABEL_SELECTOR[:-1])} or {AS_LABEL_SELECTOR[-1]} in job mode, "
                f"which selects by labels, got {requirement.operator!r}"
            )


def retention_in_job_mode(tree: Tree, profile: Profile) -> Iterator[str]:
    """Yield a line if Jobs may vanish before the dispatcher sees their end (contract 2.9, F11)."""
    seconds = at(tree, ("job", "ttlSecondsAfterFinished"))
    counts = tree.get("deploymentMode") == "job" and profile.traits.dispatcher_does_node_work
    if (
        counts
        and isinstance(seconds, int)
        and not isinstance(seconds, bool)
        and 0 <= seconds < _LEAST_TTL
    ):
        yield (
            f"job.ttlSecondsAfterFinished: must be at least {_LEAST_TTL}, got {seconds}: "
            "the dispatcher would miss how a Job ended and count its node as failed"
        )


def unknown_shims(config: Mapping[str, Any], profile: Profile, version: str) -> Iterator[str]:
    """Yield a line for each key, default or base that is not a shim of the version."""
    keys = profile.values["shims"]
    for path, shim in select(config, ("shims", "*")):
        if path[-1] not in keys:
            line = unknown_key(path, keys, version)
            is_off = isinstance(shim, Mapping) and shim.get("enabled") is False
            yield line + (" Otherwise remove it" if line.endswith("?") else "; remove it") * is_off
    known = sorted(name for name, shim in keys.items() if isinstance(shim, Mapping))
    for path, name in select(config, ("defaultShim", "*")):
        if isinstance(name, str) and name and name not in known:
            yield f"{dotted(path)}: {shown(name)} is not a shim of {version}{closest(name, known)}"
    bases = select(config, ("customRuntimes", "runtimes", "*", "baseConfig"))
    for path, name in bases if at(config, ("customRuntimes", "enabled")) is True else ():
        if isinstance(name, str) and name not in known:
            hint = closest(name, known) or f"; allowed: {', '.join(known)}"
            yield f"{dotted(path)}: {shown(name)} is not a shim of {version}{hint}"


def no_shims(tree: Tree) -> Iterator[str]:
    """Yield a line when no shim is enabled: the node program would then install all (contract 4.6).

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
        yield "shims: all are disabled; enable at least one with `shims.<name>.enabled: true`"
