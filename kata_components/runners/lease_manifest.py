"""What stands in the Lease of an installation: its identity, and who holds it."""

import getpass
import os
import socket
from typing import Any, Final
from uuid import uuid4

from kata_components import names
from kata_components.kubernetes.objects import Lease
from kata_components.runners.clock import timestamp

DURATION_SECONDS: Final = 15
"""How long a run is believed to be alive after its last renewal."""

_RUN: Final = uuid4().hex[:8]


def holder_identity() -> str:
    """Return the identity this process writes into the Lease: `user@host (pid N, run X)`.

    The last part tells containers apart that look alike.
    """
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user without a name.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} (pid {os.getpid()}, run {_RUN})"


def lease_manifest(
    name: str,
    *,
    installation: str,
    stack: str,
    holder: str | None = None,
    previous: Lease | None = None,
) -> dict[str, Any]:
    """Return a Lease; without `holder` it only names the installation.

    With `previous` it replaces exactly that version of that Lease.
    """
    ours = {names.INSTALLATION_ANNOTATION: installation, names.STACK_ANNOTATION: stack}
    kept = (previous.metadata.annotations or {}) if previous else {}
    metadata: dict[str, Any] = {"name": name, "annotations": kept | ours}
    if previous:
        # The UID as well: a PUT would create a Lease again that was deleted.
        metadata |= {
            "resourceVersion": previous.metadata.resource_version,
            "uid": previous.metadata.uid,
        }
    spec: dict[str, Any] = {}
    if holder:
        now = timestamp()
        held = previous.spec if previous else None
        acquired = held.acquire_time if held and held.holder_identity == holder else now
        spec = {
            "holderIdentity": holder,
            "leaseDurationSeconds": DURATION_SECONDS,
            "acquireTime": acquired,
            "renewTime": now,
        }
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": metadata,
        "spec": spec,
    }


def held_by(lease: Lease, holder: str | None) -> dict[str, Any]:
    """Return the Lease, renewed or taken by `holder`, or free without one."""
    return lease_manifest(
        lease.metadata.name,
        installation=lease.metadata.annotation(names.INSTALLATION_ANNOTATION) or "",
        stack=lease.metadata.annotation(names.STACK_ANNOTATION) or "",
        holder=holder,
        previous=lease,
    )
