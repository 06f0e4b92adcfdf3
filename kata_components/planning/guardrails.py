"""Guard rails: what the next `up` must not do without being asked twice (design promise 7).

Pure; texts only.

Each function returns the refusal, or None when there is nothing to refuse. A refusal says what
would happen to how many nodes and the safe way.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from kata_components import names
from kata_components.kubernetes.objects import ObjectMetadata
from kata_components.planning.helm import Release
from kata_components.planning.step import Step
from kata_components.wording import nodes, some

_CLEANING_SHARE: Final = 0.1
"""Cleaning more than this share of the marked nodes is refused."""


class Refusal(NamedTuple):
    """Why something is refused.

    `guard` names it with its facts, as plan.json lists it: an approved plan that has it confirms
    it. Empty: nothing but a change of the configuration or the cluster helps.
    """

    text: str
    guard: str = ""


_IDENTITY: Final = {
    "deploymentMode": "the other mode would install beside what is on the nodes now",
    "suffix": "the nodes keep what the old env.multiInstallSuffix put there, and nothing would clean it",
    "namespace": "Jobs and templates of the old namespace would stay, and running ones would not be seen",
}

_POD_SECURITY: Final = "pod-security.kubernetes.io/enforce"


def cluster(old_uid: str | None, uid: str, context: str) -> Refusal | None:
    """Refuse to act on another cluster under the same stack.

    Clusters are told apart by kube-system's UID.
    """
    if old_uid is None or old_uid == uid:
        return None
    text = (
        f"context {context} is another cluster than the one this stack installed on (kube-system UID {uid}, the stack "
        f"has {old_uid}). Going on would leave the nodes there behind. Use one stack per cluster: `pulumi stack init "
        "<name>`; to come back to the old cluster, restore kata-deploy:cluster. If that one is gone for good: "
        "`pulumi stack rm --force --preserve-config`, then `pulumi stack init` under the same name."
    )
    return Refusal(text, f"cluster {old_uid} → {uid}")


def absent_namespace(namespace: str) -> Refusal:
    """Refuse a namespace that is not there: it is never created here."""
    return Refusal(f"namespace {namespace} does not exist: `kubectl create namespace {namespace}`")


def pod_security(namespace: ObjectMetadata) -> Refusal | None:
    """Refuse a namespace in which Pod Security Admission lets no pod pass that mounts directories of its host."""
    enforced = namespace.metadata.label(_POD_SECURITY)
    if enforced in {None, "", "privileged"}:
        return None
    name = namespace.metadata.name
    return Refusal(
        f"namespace {name} enforces the Pod Security Standard {enforced}: no pod that works on a node would be made "
        "there, since they mount directories of the host. Use another namespace, or allow them in this one: "
        f"`kubectl label namespace {name} {_POD_SECURITY}=privileged --overwrite`"
    )


def refused_job(job: str, answer: str) -> Refusal:
    """Refuse a plan whose first Job the API server would not take; `answer` is what it says."""
    return Refusal(
        f"the API server would not take the Job {job}: {answer}. That was a dry run; nothing was written. Correct "
        "what it names, the configuration or the policy, and run the same command again"
    )


def identity(old: Mapping[str, Any], new: Mapping[str, Any], marked: int) -> Refusal | None:
    """Refuse a change of mode, suffix or namespace while an installation exists.

    `marked` is how many nodes have it.
    """
    changed = [key for key in _IDENTITY if key in old and old[key] != new[key]]
    if not changed:
        return None
    changes = {key: f"{key} {old[key] or '(none)'!s} → {new[key] or '(none)'!s}" for key in changed}
    what = "; ".join(f"{change}: {_IDENTITY[key]}" for key, change in changes.items())
    text = (
        f"{what}. {_nodes(marked)} installed now. The safe way: put the old value back and run `pulumi destroy`, "
        "then set the new value and run `pulumi up`."
    )
    # The DaemonSet's pods uninstall when they end, which they would do after the Jobs have
    # installed.
    return Refusal(text, "" if "deploymentMode" in changes else ", ".join(changes.values()))


def downgrade(old: str | None, new: str, marked: int) -> Refusal | None:
    """Refuse a lower kataVersion."""
    if not is_downgrade(old, new):
        return None
    text = (
        f"kataVersion {old} → {new} is a downgrade; upstream does not test it, and it would install again on "
        f"the {marked} nodes that are installed now and restart their container runtimes. The safe way: "
        f"`pulumi destroy`, then `pulumi up` with {new}."
    )
    return Refusal(text, f"kataVersion {old} → {new}")


def is_downgrade(old: str | None, new: str) -> bool:
    """Whether a version is lower than the one before."""
    return old is not None and _version(new) < _version(old)


def empty_selection(selected: int, marked: Sequence[str], selection: str) -> Refusal | None:
    """Refuse a selection without nodes while nodes are installed: a typo must not orphan a fleet."""
    if selected or not marked:
        return None
    text = (
        f"no node matches {selection}, but {_nodes(len(marked))} installed by this stack ({some(marked)}). Kata would "
        "stay there, unmanaged. Correct the node selector, the affinity or job.nodes; to uninstall, run "
        "`pulumi destroy`."
    )
    return Refusal(text, "empty selection")


def cleaning(nodes: Sequence[str], marked: int) -> Refusal | None:
    """Refuse to clean more than a tenth of the `marked` nodes because they are not selected any more."""
    if len(nodes) <= marked * _CLEANING_SHARE:
        return None
    text = (
        f"{_nodes(len(nodes))} not selected any more and would be cleaned ({some(nodes)}): more than a tenth of the "
        f"{marked} that carry the mark. Kata would be gone there and each container runtime restarted. If that is not "
        "what you want, correct job.nodeSelector, job.nodeSelectorExpressions or job.nodes, or set "
        "rollout.cleanupDeselected to false."
    )
    return Refusal(text, f"cleaning {len(nodes)} of {marked} nodes")


def unknown_nodes(missing: Sequence[str]) -> Refusal | None:
    """Refuse names in job.nodes that are no nodes of the cluster."""
    if not missing:
        return None
    return Refusal(
        f"job.nodes names {some(missing)}, which the cluster does not have: see `kubectl get nodes`"
    )


def unclaimed(nodes: Sequence[str], others: Collection[str] = ()) -> Refusal | None:
    """Refuse to touch nodes that something else installed Kata on.

    `others` are installations with marks there.
    """
    if not nodes:
        return None
    what = f"{_nodes(len(nodes))} labelled {names.RUNTIME_LABEL} without a mark of this stack ({some(nodes)})"
    if others:
        return Refusal(
            f"{what}, but with one of the installation {', '.join(sorted(others))}. To install this one beside it, "
            "`pulumi config set --path kata-deploy:rollout.existing install`: an install Job runs on each and restarts "
            "its container runtime."
        )
    return Refusal(
        f"{what}. Either they have the label from birth, as node pools that scale from zero give it, and no Kata: "
        "`pulumi config set --path kata-deploy:rollout.existing install` runs an install Job on each, which restarts "
        "its container runtime, and on all such nodes to come. Or something else, such as a Helm release, installed "
        "Kata there: `rollout.existing adopt` marks those where something shows it, and runs no Job."
    )


def other_distribution(steps: Sequence[Step], configured: str) -> Refusal | None:
    """Refuse nodes of another distribution of Kubernetes: the node program would write where nobody reads."""
    if not steps:
        return None
    return Refusal(
        f"{_reasons(steps)}, and k8sDistribution is {configured}: Kata would be installed and configured where their "
        "container runtime does not look. `pulumi config set kata-deploy:k8sDistribution <that one>`, or leave them "
        "out of the selection by a label."
    )


def marked_elsewhere(steps: Sequence[Step]) -> Refusal | None:
    """Refuse to work on nodes that an installation of the same suffix in another namespace has marked."""
    if not steps:
        return None
    return Refusal(
        f"{_reasons(steps)}. Two installations of one suffix would undo each other. Work in the stack "
        "of that one, or install beside it with another env.multiInstallSuffix. If it is gone for good, take its mark "
        "off the nodes: `kubectl annotate node <name> <annotation>-`, for its annotation "
        f"{names.ANNOTATION_PREFIX}/installed-<suffix or default>."
    )


def marked_newer(steps: Sequence[Step]) -> Refusal | None:
    """Refuse to judge nodes by a mark that this checkout cannot read: it would install the fleet again."""
    if not steps:
        return None
    return Refusal(
        f"{_reasons(steps)}. This checkout cannot tell what is there and would install it again. Use the "
        "checkout that wrote the marks, or a newer one."
    )


def foreign_objects(objects: Sequence[str], releases: Collection[Release]) -> Refusal | None:
    """Refuse to take over objects that Helm manages without being told to."""
    if not objects:
        return None
    return Refusal(
        f"{_objects(objects)} to {_releases(releases)} ({some(objects)}). To take it over, with nothing installed "
        "again: `pulumi config set --path kata-deploy:rollout.existing adopt`, see docs/migrating-from-helm.md. "
        "Otherwise uninstall it first (`helm uninstall`, then `kubectl delete` what it leaves behind), or install "
        "beside it with another env.multiInstallSuffix."
    )


def takeover(releases: Collection[Release], namespace: str) -> Refusal | None:
    """Refuse to take over what is not one release in the namespace of this stack."""
    if len(releases) > 1:
        return Refusal(
            f"objects of this installation belong to {_releases(releases)}: only one can be taken over"
        )
    elsewhere = next((r for r in releases if r.namespace not in ("", namespace)), None)
    if elsewhere is None:
        return None
    return Refusal(
        f"{_releases(releases)} cannot be taken over into namespace {namespace}: its pods would be left behind "
        f"in its own. Set `namespace` to {elsewhere.namespace}."
    )


def other_stack(owner: str | None, stack: str, lease: str) -> Refusal | None:
    """Refuse to work on an installation that another stack made; `lease` is `namespace/name`."""
    if owner is None or owner == stack:
        return None
    return Refusal(
        f"this cluster's installation belongs to the stack {owner} (Lease {lease}), this is {stack}. Two stacks on one "
        f"installation would undo each other. Work in {owner}, or install beside it with another "
        f"env.multiInstallSuffix. If that is a former name of this stack: `kubectl annotate lease -n "
        f"{lease.replace('/', ' ')} --overwrite {names.STACK_ANNOTATION}={stack}`."
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
    """Return why nodes are left alone, each reason with its first nodes: `a, b: has this.

    C: has that`.
    """
    by_reason: dict[str, list[str]] = {}
    for step in steps:
        by_reason.setdefault(step.reason, []).append(step.node)
    return "; ".join(
        f"{nodes(len(found))} ({some(found)}): {reason}" for reason, found in by_reason.items()
    )


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _objects(objects: Sequence[str]) -> str:
    count = len(objects)
    return (
        "1 object of this installation belongs"
        if count == 1
        else f"{count} objects of this installation belong"
    )


def _releases(releases: Collection[Release]) -> str:
    listed = sorted(map(str, releases))
    return (
        f"the Helm release {listed[0]}" if len(listed) == 1 else f"the Helm releases {some(listed)}"
    )


def _nodes(count: int) -> str:
    return "1 node is" if count == 1 else f"{count} nodes are"
