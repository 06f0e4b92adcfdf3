"""The guard rails that `Preflight` and `Installation` share.

`Preflight` checks them before anything else of the program changes. `Installation` checks them
again against its own state, which may exist without a `Preflight` (docs/adr/0001). Reads only.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from msgspec import structs

from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import Lease
from kata_components.operations import fleet
from kata_components.operations.installation import cluster_uid
from kata_components.planning import guardrails, ownership, plan_document
from kata_components.planning.guardrails import Refusal
from kata_components.planning.plan_document import Place
from kata_components.providers import plan_file
from kata_components.providers.common_inputs import GuardedInputs


@dataclass(frozen=True, kw_only=True)
class GuardCheck:
    """The result of comparing the inputs with the last checked ones."""

    wanted: GuardedInputs
    cluster_uid: str
    same_cluster: bool
    """False if the last checked inputs are about another cluster."""
    found: Sequence[Refusal]
    confirmed: frozenset[str]
    """The guards that an approved plan confirms for this stack and cluster."""

    def unconfirmed(self, *more: Refusal | None) -> list[Refusal]:
        """Return what was found, and more, without what the approved plan confirms."""
        return guardrails.unconfirmed([*self.found, *more], self.confirmed)

    def texts(self, refusals: Sequence[Refusal]) -> list[str]:
        """Return the texts of refusals; write a plan to approve if that can confirm them all."""
        texts = [refusal.text for refusal in refusals]
        wanted = self.wanted
        if wanted.deployment_mode != "job" or not all(refusal.guard for refusal in refusals):
            return texts
        guards = (refusal.guard for refusal in refusals)
        place = Place(wanted.stack, self.cluster_uid)
        document = plan_document.guards_only(guards, place)
        written = plan_file.write(wanted, structs.replace(document, refusals=tuple(texts)))
        return plan_file.with_way_out(texts, written)


async def check_guards(
    api: KubeApi, before: GuardedInputs | None, wanted: GuardedInputs, target: str
) -> GuardCheck:
    """Compare the inputs with the last checked ones; `target` is how messages name the cluster.

    Raises:
        GuardError: the approved plan cannot be read.
        ClusterError: the cluster cannot be read.
    """
    uid = await cluster_uid(api)
    approved = plan_file.approval(wanted.approved_plan, wanted.report_dir)
    place = Place(wanted.stack, uid)
    other_cluster = guardrails.cluster(before.cluster_uid if before else None, uid, target)
    changes = await _changes(api, before, wanted) if before and not other_cluster else []
    misplaced = approved.misplaced(place) if approved else None
    return GuardCheck(
        wanted=wanted,
        cluster_uid=uid,
        same_cluster=other_cluster is None,
        found=[refusal for refusal in (other_cluster, *changes, misplaced) if refusal],
        confirmed=approved.confirmed(place) if approved else frozenset(),
    )


def other_stack(
    wanted: GuardedInputs, lease: Lease | None, stacks: Collection[str]
) -> Refusal | None:
    """Refuse an installation of another stack; `stacks` are the names this one has or had."""
    owner = ownership.stack_of(lease.metadata) if lease else None
    where = f"{wanted.namespace}/{wanted.lease_name}"
    return None if owner in stacks else ownership.other_stack(owner, wanted.stack, where)


async def _changes(
    api: KubeApi, before: GuardedInputs, wanted: GuardedInputs
) -> list[Refusal | None]:
    """Return the refusals of changes to the configuration."""
    lower = guardrails.is_downgrade(before.kata_version, wanted.kata_version)
    if before.identity() == wanted.identity() and not lower:
        return []
    marked = len(await fleet.marked_nodes(api, before.namespace, before.suffix))
    return [
        guardrails.identity(before.identity(), wanted.identity(), marked),
        guardrails.downgrade(before.kata_version, wanted.kata_version, marked),
    ]
