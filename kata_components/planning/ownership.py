"""Whose a Kubernetes object is, and what is refused for being somebody else's. Pure."""

from collections.abc import Collection, Mapping, Sequence
from typing import Final, NamedTuple

from kata_components import names
from kata_components.errors import GuardError
from kata_components.foreign import bounded
from kata_components.kubernetes.objects import Lease, Metadata, OwnedMetadata
from kata_components.planning import guardrails
from kata_components.planning.guardrails import Refusal
from kata_components.wording import nodes, some

_PULUMI: Final = "pulumi-kubernetes"
"""Field manager of Pulumi's Kubernetes provider; where it applies on the server's side, a random
part follows."""


class Owner(NamedTuple):
    """Whose an installation is: its id (None: not known yet), and its stack as `project/stack`."""

    installation: str | None
    stack: str


def stack_of(metadata: Metadata) -> str | None:
    """Return the stack an object says it belongs to, as it may be shown.

    None when it does not say.
    """
    owner = metadata.annotation(names.STACK_ANNOTATION)
    return bounded(owner) if owner else None


def is_applied_by_pulumi(metadata: OwnedMetadata) -> bool:
    """Whether Pulumi's Kubernetes provider has set some field of an object, or there is none that anybody could set.

    The API server keeps no manager of a ServiceAccount that has nothing but its name.
    """
    managers = _managers(metadata)
    return not managers or any(manager.startswith(_PULUMI) for manager in managers)


def is_applied_by_others(metadata: OwnedMetadata) -> bool:
    """Whether another tool than Pulumi's Kubernetes provider has set some field of an object."""
    return not all(manager.startswith(_PULUMI) for manager in _managers(metadata))


def _managers(metadata: OwnedMetadata) -> list[str]:
    return [str(entry.get("manager", "")) for entry in metadata.managed_fields or ()]


def of_lease(lease: Lease, owner: Owner) -> Refusal | None:
    """Refuse to work under a Lease that names another stack, or another installation of this one."""
    where = f"{lease.metadata.namespace}/{lease.metadata.name}"
    other = guardrails.other_stack(stack_of(lease.metadata), owner.stack, where)
    found = lease.metadata.annotation(names.INSTALLATION_ANNOTATION)
    if other or owner.installation in (None, found):
        return other
    return Refusal(
        f"the cluster has the installation {bounded(found or '(none)')} (Lease {where}), the state of this stack has "
        f"{owner.installation}: the state is older than the cluster, or a copy of another one. Nothing was done. Bring "
        "the newest state back "
        "(`pulumi stack history`, `pulumi stack import`). If it is lost: `pulumi state delete <URN of Installation> "
        "--target-dependents`, then `pulumi up` goes on with what is in the cluster."
    )


def insist(lease: Lease, owner: Owner) -> None:
    """See to it that a Lease is this owner's.

    Raises:
        GuardError: it is another's.
    """
    refusal = of_lease(lease, owner)
    if refusal:
        raise GuardError(refusal.text)


def previous(lease: Lease) -> list[str]:
    """Return the ids whose place the installation of a Lease has taken, newest first."""
    return [*filter(None, (lease.metadata.annotation(names.PREVIOUS_ANNOTATION) or "").split(","))]


def elsewhere(
    marked: Mapping[str, int], bound: Sequence[str], namespace: str, suffix: str
) -> Refusal | None:
    """Refuse a first run where an installation of its suffix is there without a Lease in its namespace.

    `marked` counts nodes by the namespace in their marks, empty where an older version has written
    none; `bound` are other namespaces to which the rights of the node program belong. Only where
    nothing says that it is another's can it be confirmed that it is this stack's own, whose Lease
    and state were lost.
    """
    marks = {
        other: f"in namespace {other}" if other else "made by an older version" for other in marked
    }
    traces = [f"marks on {nodes(count)}, {marks[other]}" for other, count in marked.items()]
    traces += [f"rights of namespace {other}" for other in bound]
    if not traces:
        return None
    others = sorted({*bound, *marked} - {""})
    theirs = f"set `namespace` to {others[0]}" if others else "bring its Lease or its state back"
    remove = [f"`kubectl annotate nodes --all {names.mark_annotation(suffix)}-`"] if marked else []
    remove += [f"`kubectl delete clusterrolebinding {names.node_binding(suffix)}`"] if bound else []
    text = (
        f"an installation of this env.multiInstallSuffix is there ({'; '.join(traces)}), but namespace {namespace} has "
        "no Lease of it. Two of one suffix would undo each other: the destroy of one takes Kata off the nodes of the "
        "other. Work in its stack, or install beside it with another env.multiInstallSuffix. If it is this stack's "
        f"own, {theirs}. If nothing is left of it but these traces, remove them: {' and '.join(remove)}."
    )
    return Refusal(text, "" if others else f"marks without a Lease on {marked['']} nodes")


def other_mode(found: str | None, mode: str) -> Refusal | None:
    """Refuse to install beside what installs in the other deployment mode.

    `found` is the object that tells of it.
    """
    if found is None:
        return None
    other = "daemonset" if mode == "job" else "job"
    return Refusal(
        f"something installs with deploymentMode {other} (it has {found}), this stack with {mode}. Both would work on "
        f"the same nodes. Uninstall it first, with the tool that installed it. Or take it over with deploymentMode "
        f"{other}; to change the mode later, run `pulumi destroy`, then `pulumi up` with {mode}."
    )


def strangers(objects: Sequence[str]) -> Refusal | None:
    """Refuse to take objects that are there and name no owner, without being told to."""
    if not objects:
        return None
    return Refusal(
        f"{_counted(objects)} of this installation {_is(objects)} there already, and no stack has made "
        f"{_them(objects)} ({some(objects)}): applied with kubectl, by Argo CD or Flux, or by another team. To take "
        f"over what is Kata's: have that tool let go of {_them(objects)} first (docs/migrating-from-helm.md), then "
        "`pulumi config set --path kata-deploy:rollout.existing adopt`. Otherwise delete what nobody needs, or install "
        "beside it with another env.multiInstallSuffix."
    )


def differing(objects: Sequence[str]) -> Refusal | None:
    """Refuse to take objects of the whole cluster that are not as this configuration has them, told to or not."""
    if not objects:
        return None
    return Refusal(
        f"{_counted(objects)} of the whole cluster {_is(objects)} there already and not as this configuration has "
        f"{_them(objects)} ({some(objects)}): of another team, or from other values. Nobody else's is ever overwritten "
        "or deleted; `adopt` takes what is equal. See `kubectl get <object> -o yaml`, then set the version and values "
        f"used for {_them(objects)}, delete {_them(objects)} if nobody needs {_them(objects)}, or install beside it "
        "with another env.multiInstallSuffix."
    )


def of_other_stacks(objects: Mapping[str, str]) -> Refusal | None:
    """Refuse to change objects that say that they belong to another stack.

    `objects` maps each to it.
    """
    if not objects:
        return None
    owners = ", ".join(sorted(set(objects.values())))
    return Refusal(
        f"{_counted(objects)} of this installation {_is(objects)} there and belong{'s' * (len(objects) == 1)} to the "
        f"stack {owners} ({some([*objects])}). Two stacks on one installation would undo each other. Work in {owners}, "
        "or install beside it with another env.multiInstallSuffix. If that stack is gone for good: `kubectl annotate "
        f"<object> {names.STACK_ANNOTATION}-`, then this one can take over what is equal with rollout.existing adopt."
    )


def _counted(objects: Collection[str]) -> str:
    return "1 object" if len(objects) == 1 else f"{len(objects)} objects"


def _is(objects: Collection[str]) -> str:
    return "is" if len(objects) == 1 else "are"


def _them(objects: Collection[str]) -> str:
    return "it" if len(objects) == 1 else "them"
