"""Who holds a Lease: what this process is called there, and whether another one that is named there is alive."""

import asyncio
import getpass
import os
import socket
from typing import Final
from uuid import uuid4

from kata_components.errors import LeaseHeldError
from kata_components.foreign import bounded
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease
from kata_components.runners.progress import Reporter

DURATION_SECONDS: Final = 15
"""So long a run that renews its Lease no more is believed to be alive."""
_LONGEST_SECONDS: Final = 60
"""A Lease that says more is not believed: anybody may have written it."""
_LOOK_SECONDS: Final = 1.0

_RUN: Final = uuid4().hex[:8]


def holder_identity() -> str:
    """Return what a Lease calls this process: `user@host (pid N, run X)`, unique over containers that look alike."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user that has no name.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} (pid {os.getpid()}, run {_RUN})"


async def when_free(api: KubeApi, namespace: str, name: str, reporter: Reporter) -> Lease:
    """Return the Lease once nobody holds it: at once, or when its holder has not renewed it for its duration.

    Raises:
        LeaseHeldError: the holder is alive.
    """
    lease = await api.get_lease(namespace, name)
    sign = _sign_of_life(lease)
    if sign is None:
        return lease
    seconds = min(
        (lease.spec and lease.spec.lease_duration_seconds) or DURATION_SECONDS, _LONGEST_SECONDS
    )
    reporter.message(
        f"the Lease {namespace}/{name} is held by {_holding(lease)}; waiting {seconds} s to see whether that run is "
        "alive"
    )
    loop = asyncio.get_running_loop()
    end = loop.time() + seconds
    while loop.time() < end:
        await asyncio.sleep(_LOOK_SECONDS)
        lease = await api.get_lease(namespace, name)
        latest = _sign_of_life(lease)
        if latest is None:
            break
        if latest != sign:
            raise alive(lease)
    return lease


def alive(lease: Lease) -> LeaseHeldError:
    """Return the error of a Lease whose holder is alive."""
    return LeaseHeldError(
        f"another run works on this installation: {_holding(lease)} (Lease {lease.metadata.namespace}/"
        f"{lease.metadata.name}). Nothing was started. Wait for its end; if it is gone, the Lease is free a few "
        "seconds after its last renewal."
    )


def _sign_of_life(lease: Lease) -> tuple[str, str | None] | None:
    """Return what each renewal changes, None when nobody holds the Lease.

    Others may note something on it, too.
    """
    spec = lease.spec
    return (spec.holder_identity, spec.renew_time) if spec and spec.holder_identity else None


def _holding(lease: Lease) -> str:
    """Return who holds it since when; anybody may have written that."""
    return bounded(
        f"{lease.spec and lease.spec.holder_identity} since {lease.spec and lease.spec.acquire_time}"
    )
