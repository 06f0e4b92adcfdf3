"""The check of `Installation`: whether its state is about this cluster and this stack. Reads only.

`Preflight` has checked all of it before, against its own state. A run with `--target` skips
`Preflight`, and a stack that an older version made has none.
"""

from typing import Final

from msgspec import structs

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease
from kata_components.operations import installation, report
from kata_components.providers import engine
from kata_components.providers.guard_check import check_guards, other_stack
from kata_components.providers.installation_inputs import InstallationInputs

_MISSING: Final = "missing"


async def check(
    api: KubeApi, before: InstallationInputs | None, wanted: InstallationInputs, target: str
) -> tuple[InstallationInputs, list[str]]:
    """Return the inputs with what check adds, and the refusals that no approved plan confirms.

    Raises:
        GuardError: the approved plan cannot be read.
        ClusterError: the cluster cannot be read.
    """
    guards = await check_guards(api, before, wanted, target)
    lease = await installation.find_lease(api, wanted.namespace, wanted.lease_name)
    other = other_stack(wanted, lease, [before.stack] if before else [])
    if refusals := guards.unconfirmed(other):
        return wanted, guards.texts(refusals)
    if lease and before is None:
        engine.warning(report.resumed(f"{wanted.namespace}/{wanted.lease_name}"), wanted.urn)
    named = _installation_id(lease) if before else None
    return structs.replace(wanted, cluster_uid=guards.cluster_uid, lease=named), []


def _installation_id(lease: Lease | None) -> str:
    """Return the installation that the Lease names: diff compares it with the resource's id."""
    return (lease and lease.metadata.annotation(names.INSTALLATION_ANNOTATION)) or _MISSING
