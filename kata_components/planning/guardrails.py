"""Guard rails: what the next `up` must not do without confirmation (design promise 7). Pure.

Each function returns the refusal, or None if there is nothing to refuse. A refusal says what would
happen to how many nodes, and the safe way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kata_components import names
from kata_components.kubernetes.objects import ObjectMetadata
from kata_components.planning.step import Step
from kata_components.wording import named, nodes, setting

_CLEANING_SHARE: Final = 0.1
"""Cleaning more than this share of the marked nodes is refused."""


class Refusal(NamedTuple):
    """Why something is refused.

    `guard` names the guard rail with its facts, as plan.json lists it: an approved plan that lists
    it confirms it. If it is empty, only a change of the configuration or the cluster helps.
    """

    text: str
    guard: str = ""


_IDENTITY: Final = {
    "deploymentMode": "the other mode would install beside what is on the nodes now",
    "suffix": (
        "the nodes keep what was installed with the old env.multiInstallSuffix, "
        "and nothing would clean it"
    ),
    "namespace": (
        "Jobs and templates in the old namespace would stay, and running Jobs would not be seen"
    ),
}

_POD_SECURITY: Final = "pod-security.kubernetes.io/enforce"


def cluster(old_uid: str | None, uid: str, target: str) -> Refusal | None:
    """Refuse to use another cluster with the same stack; kube-system's UID identifies a cluster."""
    if old_uid is None or old_uid == uid:
        return None
    text = (
        f"{target} is a different cluster from the one this stack installed on (kube-system UID "
        f"{uid}, the stack has {old_uid}). Going on would leave the nodes there behind.\n"
        "  Use one stack per cluster: `pulumi stack init <name>`; to return to the old cluster, "
        "restore its context or kubeconfig.\n"
        "  If that cluster is gone for good: `pulumi state delete --target-dependents <URN of "
        "Preflight>` (`pulumi stack --show-urns` has it), then `pulumi up` installs here."
    )
    return Refusal(text, f"cluster {old_uid} → {uid}")


def absent_namespace(namespace: str) -> Refusal:
    """Refuse a namespace that does not exist: this program never creates it."""
    return Refusal(
        f"namespace {namespace} does not exist; create it: `kubectl create namespace {namespace}`"
    )


def pod_security(namespace: ObjectMetadata) -> Refusal | None:
    """Refuse a namespace whose Pod Security Standard forbids pods that mount host directories."""
    enforced = namespace.metadata.label(_POD_SECURITY)
    if enforced in {None, "", "privileged"}:
        return None
    name = namespace.metadata.name
    return Refusal(
        f"namespace {name} enforces the Pod Security Standard {enforced}: the pods that work on "
        "nodes could not be created there, since they mount directories of the host.\n"
        f"  Use another namespace, or allow them in this one: `kubectl label namespace {name} "
        f"{_POD_SECURITY}=privileged --overwrite`"
    )


def refused_job(job: str, answer: str) -> Refusal:
    """Refuse a plan whose first Job the API server would not accept; `answer` is what it says."""
    return Refusal(
        f"the API server would not accept the Job {job}: {answer}. That was a dry run; nothing was "
        "written.\n"
        "  Correct the configuration or the policy, then run the same command again."
    )


def identity(old: Mapping[str, Any], new: Mapping[str, Any], marked: int) -> Refusal | None:
    """Refuse to change mode, suffix or namespace while `marked` nodes are installed."""
    changed = [key for key in _IDENTITY if key in old and old[key] != new[key]]
    if not changed:
        return None
    changes = {key: f"{key} {old[key] or '(none)'!s} → {new[key] or '(none)'!s}" for key in changed}
    what = "; ".join(f"{change}: {_IDENTITY[key]}" for key, change in changes.items())
    text = (
        f"{what}. {_nodes(marked)} installed now.\n"
        "  The safe way: restore the old value and run `pulumi destroy`, then set the new value "
        "and run `pulumi up`."
    )
    # The DaemonSet's pods uninstall when they end, which would be after the Jobs have installed.
    return Refusal(text, "" if "deploymentMode" in changes else ", ".join(changes.values()))


def downgrade(old: str | None, new: str, marked: int) -> Refusal | None:
    """Refuse a lower kataVersion."""
    if not is_downgrade(old, new):
        return None
    text = (
        f"kataVersion {old} → {new} is a downgrade, which upstream does not test. {_nodes(marked)} "
        "installed now; each would be installed again, and its container runtime restarted.\n"
        f"  The safe way: `pulumi destroy`, then `pulumi up` with {new}."
    )
    return Refusal(text, f"kataVersion {old} → {new}")


def is_downgrade(old: str | None, new: str) -> bool:
    """Whether a version is lower than the previous one."""
    return old is not None and _version(new) < _version(old)


def empty_selection(selected: int, marked: Sequence[str], selection: str) -> Refusal | None:
    """Refuse an empty selection while nodes are installed: a typo must not orphan a fleet."""
    if selected or not marked:
        return None
    text = (
        f"no node matches {selection}, but {_nodes(len(marked))} installed by this stack "
        f"({named(marked)}). Kata would stay there, unmanaged.\n"
        "  Correct the node selector, the affinity or job.nodes; to uninstall, run `pulumi "
        "destroy`."
    )
    return Refusal(text, "empty selection")


def cleaning(nodes: Sequence[str], marked: int) -> Refusal | None:
    """Refuse to clean more than a tenth of the `marked` nodes for no longer being selected."""
    if len(nodes) <= marked * _CLEANING_SHARE:
        return None
    text = (
        f"{_nodes(len(nodes))} no longer selected and would be cleaned ({named(nodes)}): more than "
        f"a tenth of all marked nodes ({marked}). Kata would be removed there, and each container "
        "runtime restarted.\n"
        "  If that is not what you want, correct the node selector, the affinity or job.nodes, or "
        "set rollout.cleanupDeselected to false."
    )
    return Refusal(text, f"cleaning {len(nodes)} of {marked} nodes")


def unknown_nodes(missing: Sequence[str]) -> Refusal | None:
    """Refuse names in job.nodes that the cluster does not have."""
    if not missing:
        return None
    return Refusal(
        f"job.nodes names {named(missing)}, which the cluster does not have: "
        "see `kubectl get nodes`"
    )


def unclaimed(nodes: Sequence[str], others: Collection[str] = ()) -> Refusal | None:
    """Refuse to touch nodes on which something else may have installed Kata.

    `others` are the installations with marks there.
    """
    if not nodes:
        return None
    what = (
        f"{_nodes(len(nodes))} labelled {names.RUNTIME_LABEL} without a mark of this stack "
        f"({named(nodes)})"
    )
    if others:
        return Refusal(
            f"{what}, but with one of the installation {', '.join(sorted(others))}.\n"
            f"  To install this one beside it, set {setting('rollout.existing', 'install')}: an "
            "install Job runs on each node and restarts its container runtime."
        )
    return Refusal(
        f"{what}.\n"
        "  Either they were created with the label, as in node pools that scale from zero, and "
        f"have no Kata: set {setting('rollout.existing', 'install')}. An install Job then runs on "
        "each, which restarts its container runtime, and on all such nodes in future.\n"
        "  Or something else, such as a Helm release, installed Kata there: rollout.existing: "
        "adopt marks those where something shows it, and runs no Job."
    )


def other_distribution(steps: Sequence[Step], configured: str) -> Refusal | None:
    """Refuse nodes of another Kubernetes distribution: nothing would read what is written there."""
    if not steps:
        return None
    return Refusal(
        f"{_reasons(steps)}, but k8sDistribution is {configured}: Kata would be configured where "
        "no container runtime there looks.\n"
        f"  Set {setting('k8sDistribution', '<distribution>')}, or exclude these nodes by a label."
    )


def marked_elsewhere(steps: Sequence[Step]) -> Refusal | None:
    """Refuse nodes marked by an installation with the same suffix in another namespace."""
    if not steps:
        return None
    return Refusal(
        f"{_reasons(steps)}. Two installations with one suffix would undo each other.\n"
        "  Work in the stack of that one, or install beside it with another "
        "env.multiInstallSuffix.\n"
        "  If it is gone for good, remove its mark from the nodes: `kubectl annotate node <name> "
        f"{names.ANNOTATION_PREFIX}/installed-<suffix or default>-`."
    )


def marked_newer(steps: Sequence[Step]) -> Refusal | None:
    """Refuse nodes whose mark this version cannot read: it would install all of them again."""
    if not steps:
        return None
    return Refusal(
        f"{_reasons(steps)}. This version cannot tell what is installed there and would install it "
        "again.\n"
        "  Use the version that wrote the marks, or a newer one."
    )


def unconfirmed(refusals: Iterable[Refusal | None], confirmed: Iterable[str]) -> list[Refusal]:
    """Return the refusals that no approved plan confirms; `confirmed` are the guards it lists."""
    known = set(confirmed)
    return [
        refusal
        for refusal in refusals
        if refusal and (not refusal.guard or refusal.guard not in known)
    ]


def _reasons(steps: Sequence[Step]) -> str:
    """Return why nodes are left alone: each reason behind its nodes."""
    by_reason: dict[str, list[str]] = {}
    for step in steps:
        by_reason.setdefault(step.reason, []).append(step.node)
    return "; ".join(
        f"{nodes(len(found))} ({named(found)}): {reason}" for reason, found in by_reason.items()
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _nodes(count: int) -> str:
    return "1 node is" if count == 1 else f"{count} nodes are"
