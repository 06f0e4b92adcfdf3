"""Guard rails: what the next `up` must not do without being asked twice (design promise 7). Pure; texts only.

Each function returns the refusal, or None when there is nothing to refuse. A refusal says what would happen to how
many nodes and the safe way.
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from kata_components import names
from kata_components.rollout.helm import Release

_SHOWN: Final = 5

_IDENTITY: Final = {
    "deploymentMode": "the other mode would install beside what is on the nodes now",
    "suffix": "the nodes keep what the old env.multiInstallSuffix put there, and nothing would clean it",
    "namespace": "Jobs and templates of the old namespace would stay, and running ones would not be seen",
}


def cluster(old_uid: str | None, uid: str, context: str) -> str | None:
    """Refuse to act on another cluster under the same stack; clusters are told apart by kube-system's UID."""
    if old_uid is None or old_uid == uid:
        return None
    return (
        f"context {context} is another cluster than the one this stack installed on (kube-system UID {uid}, the stack "
        f"has {old_uid}). Going on would leave the nodes there behind. Use one stack per cluster: `pulumi stack init "
        "<name>`; to come back to the old cluster, restore kata-deploy:cluster."
    )


def identity(old: Mapping[str, Any], new: Mapping[str, Any], marked: int) -> str | None:
    """Refuse a change of mode, suffix or namespace while an installation exists; `marked` is how many nodes have it."""
    changed = [key for key in _IDENTITY if key in old and old[key] != new[key]]
    if not changed:
        return None
    changes = "; ".join(
        f"{key} {old[key] or '(none)'!s} → {new[key] or '(none)'!s}: {_IDENTITY[key]}" for key in changed
    )
    return (
        f"{changes}. {_nodes(marked)} installed now. The safe way: put the old value back and run `pulumi destroy`, "
        "then set the new value and run `pulumi up`."
    )


def downgrade(old: str | None, new: str, marked: int) -> str | None:
    """Refuse a lower kataVersion."""
    if old is None or _version(new) >= _version(old):
        return None
    return (
        f"kataVersion {old} → {new} is a downgrade; upstream does not test it, and it would install again on "
        f"the {marked} nodes that are installed now and restart their container runtimes. The safe way: "
        f"`pulumi destroy`, then `pulumi up` with {new}."
    )


def empty_selection(selected: int, marked: Sequence[str], selection: str) -> str | None:
    """Refuse a selection without nodes while nodes are installed: a typo must not orphan a fleet."""
    if selected or not marked:
        return None
    return (
        f"no node matches {selection}, but {_nodes(len(marked))} installed by this stack ({_some(marked)}). They would "
        "be left as they are, unmanaged. Correct job.nodeSelector, job.nodeSelectorExpressions or job.nodes; to "
        "uninstall, run `pulumi destroy`."
    )


def unknown_nodes(missing: Sequence[str]) -> str | None:
    """Refuse names in job.nodes that are no nodes of the cluster."""
    if not missing:
        return None
    return f"job.nodes names {_some(missing)}, which the cluster does not have: see `kubectl get nodes`"


def unclaimed(nodes: Sequence[str]) -> str | None:
    """Refuse to touch nodes that something else installed Kata on."""
    if not nodes:
        return None
    return (
        f"{_nodes(len(nodes))} labelled {names.RUNTIME_LABEL} without a mark of this stack ({_some(nodes)}): something "
        "else, such as a Helm release, installed Kata there. Say what to do with them: `pulumi config set --path "
        "kata-deploy:rollout.existing adopt` marks them as they are and runs no Job; `install` instead of `adopt` runs "
        "an install Job on each, which restarts its container runtime."
    )


def foreign_objects(objects: Sequence[str], releases: Collection[Release]) -> str | None:
    """Refuse to take over objects that Helm manages without being told to."""
    if not objects:
        return None
    return (
        f"{_objects(objects)} to {_releases(releases)} ({_some(objects)}). To take it over, with nothing installed "
        "again: `pulumi config set --path kata-deploy:rollout.existing adopt`, see docs/migrating-from-helm.md. "
        "Otherwise uninstall it first (`helm uninstall`), or install beside it with another env.multiInstallSuffix."
    )


def takeover(releases: Collection[Release], namespace: str, mode: str, of_other_mode: str | None) -> str | None:
    """Refuse to take over what is not one release like this stack: same namespace, same mode.

    `of_other_mode` is the release's object that only the other deployment mode has, None when it has none.
    """
    if len(releases) > 1:
        return f"objects of this installation belong to {_releases(releases)}: only one can be taken over"
    elsewhere = next((r for r in releases if r.namespace not in ("", namespace)), None)
    if elsewhere:
        return (
            f"{_releases(releases)} cannot be taken over into namespace {namespace}: its pods would be left behind "
            f"in its own. Set `namespace` to {elsewhere.namespace}."
        )
    if of_other_mode is None:
        return None
    other = "daemonset" if mode == "job" else "job"
    return (
        f"{_releases(releases)} installs with deploymentMode {other} (it has {of_other_mode}), this stack with {mode}. "
        "Both would work on the same nodes. Take it over with deploymentMode "
        f"{other}; to change the mode later, run `pulumi destroy`, then `pulumi up` with {mode}."
    )


def other_stack(owner: str | None, stack: str, lease: str) -> str | None:
    """Refuse to work on an installation that another stack made."""
    if owner is None or owner == stack:
        return None
    return (
        f"this cluster's installation belongs to the stack {owner} (Lease {lease}), this is {stack}. Two stacks on one "
        f"installation would undo each other. Work in {owner}, or install beside it with another "
        "env.multiInstallSuffix."
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _objects(objects: Sequence[str]) -> str:
    count = len(objects)
    return "1 object of this installation belongs" if count == 1 else f"{count} objects of this installation belong"


def _releases(releases: Collection[Release]) -> str:
    listed = sorted(map(str, releases))
    return f"the Helm release {listed[0]}" if len(listed) == 1 else f"the Helm releases {_some(listed)}"


def _nodes(count: int) -> str:
    return "1 node is" if count == 1 else f"{count} nodes are"


def _some(items: Sequence[str]) -> str:
    shown = ", ".join(items[:_SHOWN])
    return f"{shown} and {len(items) - _SHOWN} more" if len(items) > _SHOWN else shown
