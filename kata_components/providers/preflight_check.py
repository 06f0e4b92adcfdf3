"""The check of `Preflight`: all guard rails of an installation, against the live cluster.

Reads only.
"""

import json

from msgspec import structs

from kata_components.kubernetes.api import KubeApi
from kata_components.operations import adoption, fleet, installation, prelabel
from kata_components.operations.adoption import AdoptionCheck
from kata_components.operations.other_installers import elsewhere
from kata_components.planning import architectures, guardrails, ownership
from kata_components.planning.guardrails import Refusal
from kata_components.planning.prelabel import without_lease
from kata_components.planning.selection import Selection
from kata_components.planning.taints import blocking
from kata_components.providers import engine, instances
from kata_components.providers.guard_check import check_guards, other_stack
from kata_components.providers.preflight_inputs import PreflightInputs
from kata_components.providers.rights import missing_rights, prelabel_rights
from kata_components.wording import nodes


async def check(
    api: KubeApi, before: PreflightInputs | None, wanted: PreflightInputs, target: str
) -> tuple[PreflightInputs, list[str]]:
    """Return the inputs with what check adds, and the refusals that no approved plan confirms.

    Raises:
        GuardError: the approved plan cannot be read.
        ClusterError: the cluster cannot be read.
    """
    guards = await check_guards(api, before, wanted, target)
    known = before if guards.same_cluster else None
    found = AdoptionCheck() if guards.unconfirmed() else await _existing(api, known, wanted)
    shared = instances.shared(guards.cluster_uid, wanted)
    if refusals := guards.unconfirmed(*shared, *found.refusals):
        return wanted, guards.texts(refusals)
    to_label, refusals = await _prelabels(api, known, wanted)
    if refusals:
        return wanted, guards.texts(refusals)
    for text in found.announcements:
        engine.warning(text, wanted.urn)
    uid = guards.cluster_uid
    former = next(iter(found.stacks - {wanted.stack}), None)
    passed = wanted.to_pass(uid)
    return structs.replace(
        wanted,
        cluster_uid=uid,
        former_stack=former,
        passed=passed,
        nodes_to_label=to_label or None,
    ), []


async def _existing(
    api: KubeApi, before: PreflightInputs | None, wanted: PreflightInputs
) -> AdoptionCheck:
    """Refuse a missing namespace and what belongs to others; announce takeovers and restarts."""
    namespace = await installation.find_namespace(api, wanted.namespace)
    if namespace is None:
        return AdoptionCheck([guardrails.absent_namespace(wanted.namespace)])
    if (before is None or before.pod_template != wanted.pod_template) and (
        barred := guardrails.pod_security(namespace)
    ):
        return AdoptionCheck([barred])
    stacks = wanted.stacks(before)
    lease = await installation.find_lease(api, wanted.namespace, wanted.lease_name)
    other = other_stack(wanted, lease, stacks)
    if other:
        return AdoptionCheck([other])
    unknown = (
        await elsewhere(api, wanted.namespace, wanted.suffix)
        if before is None and lease is None
        else None
    )
    found = await adoption.check(api, wanted.takeover(stacks, established=lease is not None))
    owner = ownership.stack_of(lease.metadata) if lease else None
    announcements = found.announcements or await _restart(api, before, wanted)
    refusals = [unknown, *found.refusals, *await _unfit(api, before, wanted)]
    stacks_found = found.stacks | ({owner} if owner else set())
    return AdoptionCheck([*filter(None, refusals)], announcements, stacks_found)


async def _prelabels(
    api: KubeApi, before: PreflightInputs | None, wanted: PreflightInputs
) -> tuple[int, list[Refusal]]:
    """Return how many nodes need the label of the installation ahead of an upgrade; announce it."""
    request = wanted.prelabel
    if request is None:
        return 0, []
    found = len(await prelabel.find(api, request))
    if not found:
        return 0, []
    lease = await installation.find_lease(api, wanted.namespace, wanted.lease_name)
    if lease is None:
        if before is None:
            return 0, []  # Without a state and a Lease, this is a first install.
        where = f"{wanted.namespace}/{wanted.lease_name}"
        return 0, [without_lease(found, where, request.label, before.kata_version)]
    rights = prelabel_rights(wanted.lease_name)
    missing = await missing_rights(api, wanted.namespace, rights)
    if not missing:
        text = f"{nodes(found)} {'gets' if found == 1 else 'get'} the label {request.label}"
        engine.info(f"{text} before RuntimeClasses ask for it", wanted.urn)
    return found, [*map(Refusal, missing)]


async def _unfit(
    api: KubeApi, before: PreflightInputs | None, wanted: PreflightInputs
) -> list[Refusal]:
    """Refuse new or changed pods on nodes where the node program would refuse its configuration."""
    if not wanted.architectures or wanted.selectors is None:
        return []
    if before and before.pod_template == wanted.pod_template:
        return []
    tolerations = json.loads(wanted.tolerations or "[]")
    nodes = await fleet.selected_nodes(api, Selection(selectors=wanted.selectors))
    known = [node for node in nodes if node.info.architecture in wanted.architectures]
    reached = (node for node in known if not blocking(node, tolerations))
    refusal = architectures.unfit(reached, wanted.architectures)
    return [refusal] if refusal else []


async def _restart(
    api: KubeApi, before: PreflightInputs | None, wanted: PreflightInputs
) -> list[str]:
    """Announce that a change of the DaemonSet restarts pods, and container runtimes with them."""
    if (
        before is None
        or before.pod_template == wanted.pod_template
        or wanted.deployment_mode != "daemonset"
    ):
        return []
    live = await fleet.daemon_set(api, wanted.namespace, wanted.lease_name)
    if live is None:
        return []
    return [
        f"this change restarts the pods of DaemonSet {wanted.lease_name} "
        f"on {nodes(live.scheduled)}: each removes Kata, installs it again and restarts the node's "
        "container runtime (kata-containers issue 12761)"
    ]
