"""The anchor of an installation in the cluster: which cluster this is, who made the installation, and its end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

import msgspec

from kata_components import names
from kata_components.errors import ApiError, GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease, ObjectMetadata
from kata_components.operations import fleet
from kata_components.operations.claim import Claim
from kata_components.operations.uninstall import Uninstall
from kata_components.planning import node_jobs, ownership
from kata_components.planning.node_jobs import JobKind
from kata_components.planning.ownership import Owner
from kata_components.planning.requests import CleanupRequest
from kata_components.runners import cluster_cleanup, pulumi_cleanup
from kata_components.runners.clock import timestamp
from kata_components.runners.dispatcher import stop_old_dispatchers
from kata_components.runners.lease import hold_lease, lease_manifest
from kata_components.runners.progress import Reporter
from kata_components.runners.run import Run

_CLUSTER_NAMESPACE: Final = "kube-system"
_MOST_PREVIOUS: Final = 8
"""So many ids are kept: one is added with each replacement, or with a create whose answer was
lost."""


async def cluster_uid(api: KubeApi) -> str:
    """Return what tells this cluster from every other: the UID of its kube-system namespace."""
    return (await api.get_namespace(_CLUSTER_NAMESPACE)).metadata.uid


async def find_namespace(api: KubeApi, namespace: str) -> ObjectMetadata | None:
    """Return the namespace of the installation, None when there is none."""
    try:
        return await api.get_namespace(namespace)
    except ApiError as error:
        if not error.not_found:
            raise
        return None


async def find_lease(api: KubeApi, namespace: str, name: str) -> Lease | None:
    """Return the Lease of an installation, None when there is none."""
    try:
        return await api.get_lease(namespace, name)
    except ApiError as error:
        if not error.not_found:
            raise
        return None


async def establish(api: KubeApi, namespace: str, name: str, *, stack: str) -> str:
    """Write the Lease that names a new installation and return its id.

    A Lease of the same stack is taken over with a new id: it is left from a create whose answer was
    lost, or this is a replacement, and the anchor with the old id must then no longer clean. The
    old id stays known for that.

    Raises:
        GuardError: the installation belongs to another stack.
    """
    installation = str(uuid4())
    existing = await find_lease(api, namespace, name)
    if existing is None:
        await api.create_lease(
            namespace, lease_manifest(name, installation=installation, stack=stack)
        )
        return installation
    ownership.insist(existing, Owner(None, stack))
    former = existing.metadata.annotation(names.INSTALLATION_ANNOTATION)
    previous = [*filter(None, [former]), *ownership.previous(existing)][:_MOST_PREVIOUS]
    await api.replace_lease(
        namespace,
        name,
        _renamed(existing, installation=installation, stack=stack, previous=previous),
    )
    return installation


async def note_takeover(api: KubeApi, namespace: str, name: str) -> None:
    """Note on the Lease, once, that another installer was taken over now: nodes made before may have Kata of it."""
    lease = await api.get_lease(namespace, name)
    if lease.metadata.annotation(names.ADOPTED_ANNOTATION):
        return
    identity, stack = map(
        lease.metadata.annotation, (names.INSTALLATION_ANNOTATION, names.STACK_ANNOTATION)
    )
    manifest = _renamed(
        lease, installation=identity or "", stack=stack or "", previous=ownership.previous(lease)
    )
    manifest["metadata"]["annotations"][names.ADOPTED_ANNOTATION] = timestamp()
    await api.replace_lease(namespace, name, manifest)


async def restore(
    api: KubeApi, namespace: str, name: str, *, stack: str, installation: str
) -> None:
    """Write the Lease of a known installation again if somebody deleted it; a renamed stack gives it its new name.

    A run may have held it, and works on for as long as it may believe so: the new one has a holder
    that never renews.

    Raises:
        GuardError: the Lease is that of another installation.
    """
    lease = await find_lease(api, namespace, name)
    if lease is None:
        holder = "a run that may have held it before it was deleted"
        manifest = lease_manifest(name, installation=installation, stack=stack, holder=holder)
        await api.create_lease(namespace, manifest)
        return
    former = ownership.stack_of(lease.metadata) or stack
    ownership.insist(lease, Owner(installation, former))
    if former != stack:
        previous = ownership.previous(lease)
        manifest = _renamed(lease, installation=installation, stack=stack, previous=previous)
        await api.replace_lease(namespace, name, manifest)


def _renamed(
    lease: Lease, *, installation: str, stack: str, previous: Sequence[str]
) -> dict[str, Any]:
    """Return the Lease under other names.

    Who holds it stays: a run that works must not lose its lock.

    `previous` are the installation ids whose place this one has taken.
    """
    manifest = lease_manifest(
        lease.metadata.name, installation=installation, stack=stack, previous=lease
    )
    annotations = manifest["metadata"]["annotations"]
    annotations.pop(names.PREVIOUS_ANNOTATION, None)
    annotations |= {names.PREVIOUS_ANNOTATION: ",".join(previous)} if previous else {}
    manifest["spec"] = msgspec.to_builtins(lease.spec) if lease.spec else {}
    return manifest


@dataclass(frozen=True, kw_only=True)
class UninstallRequest:
    """What is to end: the installation as the stack's state knows it.

    Without `cleanup` there are no nodes to clean.

    `abandoned` names nodes to give up if they are dead.
    """

    namespace: str
    suffix: str
    stack: str
    installation: str
    cluster_uid: str
    cleanup: CleanupRequest | None
    abandoned: frozenset[str] = frozenset()


async def end(api: KubeApi, ending: UninstallRequest, reporter: Reporter) -> None:
    """Clean the nodes, then remove the Lease. Can be run again after any interruption.

    Raises:
        GuardError: this is another cluster, or the installation is not the one the state knows.
        RolloutFailedError: some nodes could not be cleaned.
        RolloutStoppedError: interrupted.
    """
    live_uid = await cluster_uid(api)
    if live_uid != ending.cluster_uid:
        msg = (
            f"this is not the cluster the stack installed on (kube-system UID {live_uid}, expected "
            f"{ending.cluster_uid}); nothing was cleaned. Set kata-deploy:cluster back. If that cluster is gone for "
            "good, `pulumi state delete` the Installation."
        )
        raise GuardError(msg)
    name = names.base(ending.suffix)
    lease = await find_lease(api, ending.namespace, name)
    if lease is None:
        await _refuse_without_lease(api, ending, name)
        return
    owner = Owner(ending.installation, ending.stack)
    if await _is_replaced(api, ending, lease):
        reporter.message("a newer Installation of this stack has taken over; no node is touched")
        return
    async with hold_lease(api, ending.namespace, name, owner=owner, reporter=reporter) as lock:
        if ending.cleanup:
            claim = Claim.parse(lease.metadata.annotation(names.CLAIM_ANNOTATION))
            follows = ending.cleanup.dispatcher_job is not None
            like = ending.cleanup.dispatcher_job or ending.cleanup.job
            uninstall = Uninstall(
                request=ending.cleanup,
                claim=claim,
                abandoned=ending.abandoned,
                pace=cluster_cleanup.pace if follows else pulumi_cleanup.pace,
            )
            kind: JobKind | None = "cleanup" if follows else None
            run = Run(
                api=api,
                namespace=ending.namespace,
                suffix=ending.suffix,
                lease=lock,
                reporter=reporter,
            )
            async with stop_old_dispatchers(run, like, follows=kind):
                await uninstall.carry_out(run)
        lock.ends = True


async def _is_replaced(api: KubeApi, ending: UninstallRequest, lease: Lease) -> bool:
    """Whether another installation of this stack has taken the place of the one that ends; said once of each.

    An older state that is brought back later must not end what it does not know.
    """
    previous = ownership.previous(lease)
    if ownership.stack_of(lease.metadata) != ending.stack or ending.installation not in previous:
        return False
    kept = [one for one in previous if one != ending.installation]
    newer = lease.metadata.annotation(names.INSTALLATION_ANNOTATION) or ""
    manifest = _renamed(lease, installation=newer, stack=ending.stack, previous=kept)
    await api.replace_lease(ending.namespace, lease.metadata.name, manifest)
    return True


async def _refuse_without_lease(api: KubeApi, ending: UninstallRequest, name: str) -> None:
    if ending.cleanup is None:
        return
    touched = set(await fleet.marked_nodes(api, ending.namespace, ending.suffix))
    listed = await api.list_jobs(ending.namespace, node_jobs.selector(ending.suffix))
    touched |= {node_jobs.observed(job).node for job in listed.items}
    if touched:
        msg = (
            f"the Lease {ending.namespace}/{name}, which identifies this installation, was deleted, but {len(touched)} "
            "nodes still carry its mark or have its Jobs. Run `pulumi up` to restore the Lease, then `pulumi destroy`."
        )
        raise GuardError(msg)
