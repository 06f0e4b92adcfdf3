"""What the guard rails of an installation compare, and those that need nothing but the inputs of before.

`Preflight` asks them before anything else of the program is touched. `Installation` asks them again
of its own state, which may be there without a `Preflight` (docs/adr/0001). Reads only.
"""

from collections.abc import Collection, Iterable

from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease
from kata_components.operations import fleet
from kata_components.planning import approval, guardrails, ownership
from kata_components.planning.approval import Place
from kata_components.planning.guardrails import Refusal
from kata_components.providers import plan_file
from kata_components.providers.common_inputs import GuardedInputs


def other_stack(
    wanted: GuardedInputs, lease: Lease | None, stacks: Collection[str]
) -> Refusal | None:
    """Refuse to work on what another stack made; `stacks` are the names this one has or had."""
    owner = ownership.stack_of(lease.metadata) if lease else None
    where = f"{wanted.namespace}/{wanted.lease_name}"
    return None if owner in stacks else guardrails.other_stack(owner, wanted.stack, where)


async def changes(
    api: KubeApi, before: GuardedInputs, wanted: GuardedInputs
) -> list[Refusal | None]:
    """Return what stands against a change of the configuration."""
    lower = guardrails.is_downgrade(before.kata_version, wanted.kata_version)
    if before.identity() == wanted.identity() and not lower:
        return []
    marked = len(await fleet.marked_nodes(api, before.namespace, before.suffix))
    return [
        guardrails.identity(before.identity(), wanted.identity(), marked),
        guardrails.downgrade(before.kata_version, wanted.kata_version, marked),
    ]


def confirmed(wanted: GuardedInputs, uid: str) -> tuple[frozenset[str], Refusal | None]:
    """Return the guards that the approved plan confirms on the cluster of that UID, and what stands against itself.

    Raises:
        GuardError: it cannot be read.
    """
    approved = plan_file.approval(wanted.approved_plan, wanted.report_dir)
    place = Place(wanted.stack, uid)
    return (
        (approved.confirmed(place), approved.misplaced(place)) if approved else (frozenset(), None)
    )


def texts(refusals: Iterable[Refusal], wanted: GuardedInputs, uid: str) -> list[str]:
    """Return the texts of refusals.

    Where an approved plan could confirm them all, write one that names them.
    """
    refusals = list(refusals)
    told = [refusal.text for refusal in refusals]
    if (
        not refusals
        or wanted.deployment_mode != "job"
        or not all(refusal.guard for refusal in refusals)
    ):
        return told
    document = approval.guards_only(
        (refusal.guard for refusal in refusals), Place(wanted.stack, uid)
    )
    written = plan_file.write(wanted.report_dir, plan_file.PLAN, document, wanted.urn)
    return plan_file.with_way_out(told, written)
