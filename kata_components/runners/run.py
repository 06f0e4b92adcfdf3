"""What travels together through one run of `up` or `destroy`."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.planning.ownership import Owner
from kata_components.runners.lease import HeldLease, hold_lease
from kata_components.runners.progress import Reporter


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run on one installation, while it holds the Lease."""

    api: KubeApi
    namespace: str
    suffix: str
    lease: HeldLease
    reporter: Reporter


@contextlib.asynccontextmanager
async def hold_run(
    api: KubeApi, namespace: str, suffix: str, owner: Owner, reporter: Reporter
) -> AsyncIterator[Run]:
    """Run on an installation, whose Lease is held and renewed for the whole block.

    Raises:
        GuardError: the installation is another's.
        LeaseHeldError: another run holds the Lease and is alive.
        RolloutStoppedError: the Lease was lost.
    """
    name = names.base(suffix)
    async with hold_lease(api, namespace, name, owner=owner, reporter=reporter) as lease:
        yield Run(api=api, namespace=namespace, suffix=suffix, lease=lease, reporter=reporter)
