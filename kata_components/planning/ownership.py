"""Whose a Kubernetes object is, and what is refused because it is somebody else's. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from kata_components import names
from kata_components.errors import GuardError
from kata_components.foreign import bounded
from kata_components.kubernetes.objects import Lease, Metadata, OwnedMetadata
from kata_components.planning.guardrails import Refusal
from kata_components.planning.helm import Release
from kata_components.wording import nodes, setting, some

_PULUMI: Final = "pulumi-kubernetes"
"""Field manager of Pulumi's Kubernetes provider; with server-side apply, a random part follows."""


class Owner(NamedTuple):
    """Whose an installation is: its id (None: unknown so far), and its stack as `project/stack`."""

    installation: str | None
    stack: str


def stack_of(metadata: Metadata) -> str | None:
    """Return the stack an object says it belongs to, fit to be shown; None if it names none."""
    owner = metadata.annotation(names.STACK_ANNOTATION)
    return bounded(owner) if owner else None


def is_applied_by_pulumi(metadata: OwnedMetadata) -> bool:
    """Whether Pulumi's Kubernetes provider has set some field of an object, or nobody has.

    The API server notes no manager of a ServiceAccount that has nothing but its name.
    """
    managers = _managers(metadata)
    return not managers or any(manager.startswith(_PULUMI) for manager in managers)


def is_applied_by_others(metadata: OwnedMetadata) -> bool:
    """Whether another tool than Pulumi's Kubernetes provider has set some field of an object."""
    return not all(manager.startswith(_PULUMI) for manager in _managers(metadata))


def _managers(metadata: OwnedMetadata) -> list[str]:
    return [str(entry.get("manager", "")) for entry in metadata.managed_fields or ()]


def other_stack(owner: str | None, stack: str, lease: str) -> Refusal | None:
    """Refuse to work on another stack's installation; `lease` is `namespace/name`."""
    if owner is None or owner == stack:
        return None
    return Refusal(
        f"this cluster's installation belongs to the stack {owner} (Lease {lease}), this is "
        f"{stack}. Two stacks on one installation would undo each other.\n"
        f"  Work in {owner}, or install beside it with another env.multiInstallSuffix.\n"
        "  If that is a former name of this stack: `kubectl annotate lease -n "
        f"{lease.replace('/', ' ')} --overwrite {names.STACK_ANNOTATION}={stack}`."
    )


def of_lease(lease: Lease, owner: Owner) -> Refusal | None:
    """Refuse to work with a Lease of another stack, or of another installation of this one."""
    where = f"{lease.metadata.namespace}/{lease.metadata.name}"
    other = other_stack(stack_of(lease.metadata), owner.stack, where)
    found = lease.metadata.annotation(names.INSTALLATION_ANNOTATION)
    if other or owner.installation in (None, found):
        return other
    return Refusal(
        f"the cluster has the installation {bounded(found or '(none)')} (Lease {where}), the state "
        f"of this stack has {owner.installation}: the state is older than the cluster, or a copy "
        "of another one.\n"
        "  Nothing was done. Restore the newest state (`pulumi stack history`, `pulumi stack "
        "import`).\n"
        "  If it is lost: `pulumi state delete <URN of Installation> --target-dependents`, then "
        "`pulumi up` continues with what is in the cluster."
    )


def insist(lease: Lease, owner: Owner) -> None:
    """Ensure that a Lease is this owner's.

    Raises:
        GuardError: it is another's.
    """
    refusal = of_lease(lease, owner)
    if refusal:
        raise GuardError(refusal.text)


def previous(lease: Lease) -> list[str]:
    """Return the ids that the installation of a Lease has replaced, newest first."""
    return [*filter(None, (lease.metadata.annotation(names.PREVIOUS_ANNOTATION) or "").split(","))]


def elsewhere(
    marked: Mapping[str, int], bound: Sequence[str], namespace: str, suffix: str
) -> Refusal | None:
    """Refuse a first run if its namespace has no Lease, but the suffix is already installed.

    `marked` counts nodes by the namespace in their marks, empty where an older version wrote none;
    `bound` are other namespaces to which the rights of the node program belong. Only if nothing
    shows that it is another's can it be confirmed as this stack's own, with Lease and state lost.
    """
    marks = {
        other: f"in namespace {other}" if other else "made by an older version" for other in marked
    }
    traces = [f"marks on {nodes(count)}, {marks[other]}" for other, count in marked.items()]
    traces += [f"rights of namespace {other}" for other in bound]
    if not traces:
        return None
    others = sorted({*bound, *marked} - {""})
    theirs = f"set `namespace` to {others[0]}" if others else "restore its Lease or its state"
    remove = [f"`kubectl annotate nodes --all {names.mark_annotation(suffix)}-`"] if marked else []
    remove += [f"`kubectl delete clusterrolebinding {names.node_binding(suffix)}`"] if bound else []
    text = (
        f"an installation with this env.multiInstallSuffix exists ({'; '.join(traces)}), but "
        f"namespace {namespace} has no Lease of it. Two with one suffix would undo each other: the "
        "destroy of one removes Kata from the nodes of the other.\n"
        "  Work in its stack, or install beside it with another env.multiInstallSuffix.\n"
        f"  If it is this stack's own, {theirs}.\n"
        f"  If nothing is left of it but these traces, remove them: {' and '.join(remove)}."
    )
    return Refusal(text, "" if others else f"marks without a Lease on {marked['']} nodes")


def other_mode(found: str | None, mode: str) -> Refusal | None:
    """Refuse to install beside what installs in the other deployment mode, shown by `found`."""
    if found is None:
        return None
    other = "daemonset" if mode == "job" else "job"
    return Refusal(
        f"something installs with deploymentMode {other} (it has {found}), this stack with {mode}. "
        "Both would work on the same nodes.\n"
        "  Uninstall it first, with the tool that installed it.\n"
        f"  Or take it over with deploymentMode {other}; to change the mode later, run `pulumi "
        f"destroy`, then `pulumi up` with {mode}."
    )


def foreign_objects(objects: Sequence[str], releases: Collection[Release]) -> Refusal | None:
    """Refuse to take over objects that Helm manages, unless configured to."""
    if not objects:
        return None
    return Refusal(
        f"{_counted(objects)} of this installation belong{_s(objects)} to {_releases(releases)} "
        f"({some(objects)}).\n"
        "  To take it over, with nothing installed again, set "
        f"{setting('rollout.existing', 'adopt')}, see docs/migrating-from-helm.md.\n"
        "  Otherwise uninstall it first (`helm uninstall`, then `kubectl delete` what it leaves "
        "behind), or install beside it with another env.multiInstallSuffix."
    )


def takeover(releases: Collection[Release], namespace: str) -> Refusal | None:
    """Refuse to take over anything but one release in the namespace of this stack."""
    if len(releases) > 1:
        return Refusal(
            f"objects of this installation belong to {_releases(releases)}: "
            "only one can be taken over"
        )
    other = next((r for r in releases if r.namespace not in ("", namespace)), None)
    if other is None:
        return None
    return Refusal(
        f"{_releases(releases)} cannot be taken over into namespace {namespace}: its pods would be "
        "left behind in its own.\n"
        f"  Set `namespace` to {other.namespace}."
    )


def strangers(objects: Sequence[str]) -> Refusal | None:
    """Refuse to take over objects that exist and name no owner, unless configured to."""
    if not objects:
        return None
    return Refusal(
        f"{_counted(objects)} of this installation exist{_s(objects)} already, not created by any "
        f"stack ({some(objects)}): applied with kubectl, by Argo CD or Flux, or by another team.\n"
        f"  To take over what is Kata's: make that tool release {_them(objects)} first "
        f"(docs/migrating-from-helm.md), then set {setting('rollout.existing', 'adopt')}.\n"
        "  Otherwise delete what nobody needs, or install beside it with another "
        "env.multiInstallSuffix."
    )


def differing(objects: Sequence[str]) -> Refusal | None:
    """Refuse to take over cluster-scoped objects that differ from this configuration, always."""
    if not objects:
        return None
    return Refusal(
        f"{_counted(objects)} of the whole cluster exist{_s(objects)} already and "
        f"differ{_s(objects)} from this configuration ({some(objects)}): another team's, or made "
        "from other values. Other people's objects are never overwritten or deleted; `adopt` takes "
        "over what is equal.\n"
        "  See `kubectl get <object> -o yaml`, then set the version and values used for "
        f"{_them(objects)}, delete {_them(objects)} if nobody needs {_them(objects)}, or install "
        "beside it with another env.multiInstallSuffix."
    )


def of_other_stacks(objects: Mapping[str, str]) -> Refusal | None:
    """Refuse to change objects that say they belong to another stack; `objects` maps each to it."""
    if not objects:
        return None
    owners = ", ".join(sorted(set(objects.values())))
    return Refusal(
        f"{_counted(objects)} of this installation belong{_s(objects)} to the stack {owners} "
        f"({some([*objects])}). Two stacks on one installation would undo each other.\n"
        f"  Work in {owners}, or install beside it with another env.multiInstallSuffix.\n"
        f"  If that stack is gone for good: `kubectl annotate <object> {names.STACK_ANNOTATION}-`, "
        "then this one can take over what is equal with rollout.existing: adopt."
    )


def _releases(releases: Collection[Release]) -> str:
    listed = sorted(map(str, releases))
    return (
        f"the Helm release {listed[0]}" if len(listed) == 1 else f"the Helm releases {some(listed)}"
    )


def _counted(objects: Collection[str]) -> str:
    return "1 object" if len(objects) == 1 else f"{len(objects)} objects"


def _s(objects: Collection[str]) -> str:
    """Return the ending of a verb."""
    return "s" if len(objects) == 1 else ""


def _them(objects: Collection[str]) -> str:
    return "it" if len(objects) == 1 else "them"
