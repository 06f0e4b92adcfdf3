"""What travels together through one run of `up` or `destroy`."""

from dataclasses import dataclass

from kata_components.kubernetes.api import KubeApi
from kata_components.runners.lease import HeldLease
from kata_components.runners.progress import Reporter


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run on one installation, while it holds the Lease."""

    api: KubeApi
    namespace: str
    suffix: str
    lease: HeldLease
    reporter: Reporter
