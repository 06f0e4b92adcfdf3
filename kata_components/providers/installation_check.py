"""What `Installation` asks the live cluster: whether the state it is in is that of this cluster and this stack.

`Preflight` has asked all of it before, of its own state. That one is absent from a state that an
older version made, and from a run with `--target`. Reads only.
"""

from typing import Final

from msgspec import structs

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease
from kata_components.operations import installation, report
from kata_components.planning import guardrails
from kata_components.providers import engine, guarded
from kata_components.providers.installation_inputs import InstallationInputs

_MISSING: Final = "missing"


async def check(
    api: KubeApi, before: InstallationInputs | None, wanted: InstallationInputs, context: str
) -> tuple[InstallationInputs, list[str]]:
    """Return the inputs with what the cluster adds, and the refusals that no approved plan confirms.

    Raises:
        GuardError: the approved plan cannot be read.
        ClusterError: the cluster could not be asked.
    """
    uid = await installation.cluster_uid(api)
    confirmed, misplaced = guarded.confirmed(wanted, uid)
    met = [guardrails.cluster(before.cluster_uid if before else None, uid, context)]
    if before and not any(met):
        met += await guarded.changes(api, before, wanted)
    lease = await installation.find_lease(api, wanted.namespace, wanted.lease_name)
    met += [misplaced, guarded.other_stack(wanted, lease, [before.stack] if before else [])]
    refusals = guardrails.unconfirmed(met, confirmed)
    if refusals:
        return wanted, guarded.texts(refusals, wanted, uid)
    if lease and before is None:
        engine.warning(report.resumed(f"{wanted.namespace}/{wanted.lease_name}"), wanted.urn)
    return structs.replace(wanted, cluster_uid=uid, lease=_named(lease) if before else None), []


def _named(lease: Lease | None) -> str:
    """Return what diff compares with the id of the resource."""
    return (lease and lease.metadata.annotation(names.INSTALLATION_ANNOTATION)) or _MISSING
