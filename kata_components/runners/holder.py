"""Whether the holder of a Lease is alive: it is watched for a renewal, clocks are not compared."""

import asyncio
from typing import Final

from kata_components.errors import LeaseHeldError
from kata_components.foreign import bounded
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease
from kata_components.runners.lease_manifest import DURATION_SECONDS
from kata_components.runners.progress import Reporter

_LONGEST_SECONDS: Final = 60
"""A longer duration in a Lease is not believed: anybody may have written it."""
_LOOK_SECONDS: Final = 1.0


async def when_free(api: KubeApi, namespace: str, name: str, reporter: Reporter) -> Lease:
    """Return the Lease once it is free: not held, or not renewed for its whole duration.

    Raises:
        LeaseHeldError: the holder is alive.
    """
    lease = await api.get_lease(namespace, name)
    sign = _sign_of_life(lease)
    if sign is None:
        return lease
    duration = (lease.spec and lease.spec.lease_duration_seconds) or DURATION_SECONDS
    seconds = min(duration, _LONGEST_SECONDS)
    reporter.message(
        f"the Lease {namespace}/{name} is held by {_holding(lease)}; waiting {seconds} s to see "
        "whether that run is alive"
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
    """Return the error that the holder of a Lease is alive."""
    return LeaseHeldError(
        f"another run works on this installation: {_holding(lease)} (Lease "
        f"{lease.metadata.namespace}/{lease.metadata.name}). Nothing was started. Wait until it "
        "ends; if it was killed, the Lease is free a few seconds after its last renewal."
    )


def _sign_of_life(lease: Lease) -> tuple[str, str | None] | None:
    """Return what every renewal changes and nothing else does; None when nobody holds the Lease."""
    spec = lease.spec
    return (spec.holder_identity, spec.renew_time) if spec and spec.holder_identity else None


def _holding(lease: Lease) -> str:
    """Return who holds it and since when; anybody may have written that."""
    spec = lease.spec
    return bounded(f"{spec and spec.holder_identity} since {spec and spec.acquire_time}")
