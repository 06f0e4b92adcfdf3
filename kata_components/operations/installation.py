"""The identity of an installation: which cluster this is, and the Lease that names it."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import uuid4

import msgspec

from kata_components import names
from kata_components.errors import ApiError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease, ObjectMetadata
from kata_components.planning import ownership
from kata_components.planning.ownership import Owner
from kata_components.runners.clock import timestamp
from kata_components.runners.lease_manifest import lease_manifest

_CLUSTER_NAMESPACE: Final = "kube-system"
_MOST_PREVIOUS: Final = 8
"""How many ids are kept; each replacement adds one, and so does a create whose answer was lost."""


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
    """Note on the Lease, once, that another installer was taken over now.

    Nodes created before may have Kata from it.
    """
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
    """Restore the Lease of a known installation if it was deleted; a renamed stack renames it.

    A run may still believe it holds the deleted Lease: the new one has a holder that never renews.

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


async def forget_replaced(
    api: KubeApi, namespace: str, lease: Lease, *, stack: str, installation: str
) -> bool:
    """Return whether a newer installation of this stack replaced this one, and forget this one.

    Each is reported as replaced only once: an older state that is restored later must not end an
    installation that it does not know.
    """
    previous = ownership.previous(lease)
    if ownership.stack_of(lease.metadata) != stack or installation not in previous:
        return False
    kept = [one for one in previous if one != installation]
    newer = lease.metadata.annotation(names.INSTALLATION_ANNOTATION) or ""
    manifest = _renamed(lease, installation=newer, stack=stack, previous=kept)
    await api.replace_lease(namespace, lease.metadata.name, manifest)
    return True
