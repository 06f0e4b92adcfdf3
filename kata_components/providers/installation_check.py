"""The guard rails of an installation: what the next up must not do, asked of the live cluster. Reads only."""

from collections.abc import Sequence
from typing import Final

from msgspec import structs

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import engine, plan_file
from kata_components.providers.installation_inputs import InstallationInputs
from kata_components.rollout import approval, guards
from kata_components.rollout.guards import Refusal
from kata_components.runner import anchor, fleet, takeover

_MISSING: Final = "missing"


async def check(
    api: KubeApi, before: InstallationInputs | None, wanted: InstallationInputs, context: str
) -> tuple[InstallationInputs, list[str]]:
    """Return the inputs with what the cluster adds, and the refusals that no approved plan confirms.

    Raises:
        GuardError: the approved plan cannot be read.
        ClusterError: the cluster could not be asked.
    """
    approved = plan_file.approval(wanted.approved_plan)
    uid = await anchor.cluster_uid(api)
    met = [guards.cluster(before.cluster_uid if before else None, uid, context)]
    moved = any(met)
    if not moved:
        met += await _changed(api, before, wanted) if before else await _first(api, wanted)
    refusals = guards.unconfirmed(met, approved.guards if approved else ())
    if not refusals:
        refusals = guards.unconfirmed(await _absent_or_helm(api, None if moved else before, wanted), ())
    if refusals:
        return wanted, _told(refusals, wanted)
    lease = await anchor.find_lease(api, wanted.namespace, wanted.lease_name)
    state = _MISSING if before and lease is None else None
    return structs.replace(wanted, cluster_uid=uid, lease=state), []


async def _first(api: KubeApi, wanted: InstallationInputs) -> list[Refusal | None]:
    if not await anchor.namespace_exists(api, wanted.namespace):
        return []  # said by the next check
    lease = await anchor.find_lease(api, wanted.namespace, wanted.lease_name)
    owner = lease.metadata.annotation(names.STACK_ANNOTATION) if lease else None
    return [guards.other_stack(owner, wanted.stack, f"{wanted.namespace}/{wanted.lease_name}")]


async def _changed(api: KubeApi, before: InstallationInputs, wanted: InstallationInputs) -> list[Refusal | None]:
    lower = guards.is_downgrade(before.kata_version, wanted.kata_version)
    if before.guarded() == wanted.guarded() and not lower:
        await _announce_restart(api, before, wanted)
        return []
    marked = len(await fleet.marked_nodes(api, before.namespace, before.suffix))
    return [
        guards.identity(before.guarded(), wanted.guarded(), marked),
        guards.downgrade(before.kata_version, wanted.kata_version, marked),
    ]


async def _absent_or_helm(
    api: KubeApi, before: InstallationInputs | None, wanted: InstallationInputs
) -> list[Refusal | None]:
    """Refuse an absent namespace and objects of a Helm release, or say what taking them over means."""
    if not await anchor.namespace_exists(api, wanted.namespace):
        return [guards.absent_namespace(wanted.namespace)]
    found = await takeover.examine(api, wanted.takeover(before))
    if found.announcement:
        engine.warning(found.announcement, wanted.urn)
    return [found.refusal]


async def _announce_restart(api: KubeApi, before: InstallationInputs, wanted: InstallationInputs) -> None:
    """Say how many pods a change of the DaemonSet restarts, and Kata's artefacts and the runtime with them."""
    if before.pod_template == wanted.pod_template or wanted.deployment_mode != "daemonset":
        return
    live = await fleet.daemon_set(api, wanted.namespace, wanted.lease_name)
    if live is None:
        return
    engine.warning(
        f"this change restarts the pods of DaemonSet {wanted.lease_name} on {live.scheduled} nodes: each removes Kata, "
        "installs it again and restarts the node's container runtime (upstream #12761)",
        wanted.urn,
    )


def _told(refusals: Sequence[Refusal], wanted: InstallationInputs) -> list[str]:
    """Return the texts of refusals. Where an approved plan could confirm them all, write one that names them."""
    texts = [refusal.text for refusal in refusals]
    if wanted.deployment_mode != "job" or not all(refusal.guard for refusal in refusals):
        return texts
    document = approval.guards_only(refusal.guard for refusal in refusals)
    written = plan_file.write(wanted.report_dir, plan_file.PLAN, document, wanted.urn)
    return plan_file.with_way_out(texts, written)
