"""What the next rollout does: from the request and the cluster as it is to the plan. Reads only."""

from collections.abc import Collection
from dataclasses import dataclass

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.operations import fleet, other_installers
from kata_components.operations.fleet import Fleet
from kata_components.operations.installation import cluster_uid
from kata_components.planning import architectures, guardrails, node_jobs
from kata_components.planning.cleanup_plan import deselected_plan
from kata_components.planning.plan import NOTHING, Plan, plan
from kata_components.planning.plan_document import Place
from kata_components.planning.requests import InstallRequest
from kata_components.planning.step import Barrier
from kata_components.runners import clock


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the next rollout does, and what stands against it.

    `cleanup` is the plan for nodes that are not selected any more, empty unless they are to be
    cleaned; `deselected` are their names in any case. `guards` are the guard rails that were met,
    confirmed ones included. `place` is where all this is for.
    """

    place: Place
    plan: Plan
    cleanup: Plan
    deselected: list[str]
    refusals: list[str]
    guards: list[str]


async def preview(api: KubeApi, request: InstallRequest) -> Preview:
    """Return the plan for the fleet as it is now, with the refusals of the guard rails.

    Reads only.
    """
    place = Place(request.owner.stack, await cluster_uid(api))
    now = await fleet.read(api, request.namespace, request.suffix, request.selection)
    known = (
        await other_installers.installed_until(api, request.namespace, request.suffix)
        if request.existing
        else ""
    )
    rules = request.rules(known)
    planned = plan(
        now.nodes,
        now.jobs,
        rules,
        clock.time_of_day(),
        deselected=now.deselected,
        foreign=now.foreign,
    )
    cleaning = await _cleanup_plan(api, request, now)
    many = guardrails.cleaning([step.node for step in cleaning.pending], now.marked)
    unclaimed = [step.node for step in planned.behind(Barrier.UNCLAIMED)]
    met = [
        guardrails.unknown_nodes(now.missing),
        guardrails.empty_selection(len(now.nodes), now.deselected, str(request.selection)),
        guardrails.marked_elsewhere(planned.behind(Barrier.MARKED_ELSEWHERE)),
        guardrails.marked_newer(planned.behind(Barrier.MARKED_NEWER)),
        guardrails.other_distribution(
            planned.behind(Barrier.OTHER_DISTRIBUTION), request.demands.distribution
        ),
        guardrails.unclaimed(unclaimed, _others(now, unclaimed)),
        architectures.unfit(architectures.worked_on(planned, now.nodes), request.architectures),
        many,
    ]
    confirmed: frozenset[str] = frozenset()
    if approval := request.approval:
        met.append(approval.departure(planned, cleaning, request.pace, place))
        # Its counts have changed if the approved cleaning was interrupted.
        confirmed = approval.confirmed(place) | (
            {many.guard} if many and approval.cleans(cleaning) else set()
        )
    return Preview(
        place=place,
        plan=planned,
        cleanup=cleaning,
        deselected=now.deselected,
        refusals=[refusal.text for refusal in guardrails.unconfirmed(met, confirmed)],
        guards=[refusal.guard for refusal in met if refusal and refusal.guard],
    )


async def still_deselected(api: KubeApi, request: InstallRequest) -> list[str]:
    """Return the nodes that carry our mark and are not selected, as it is now."""
    return (await fleet.read(api, request.namespace, request.suffix, request.selection)).deselected


def _others(now: Fleet, nodes: Collection[str]) -> set[str]:
    """Return the installations that have marks on these nodes."""
    keys = (
        key
        for node in now.nodes
        if node.metadata.name in nodes
        for key in node.metadata.annotations or {}
    )
    return {names.installation_of(key) for key in keys if names.is_mark_annotation(key)}


async def _cleanup_plan(api: KubeApi, request: InstallRequest, now: Fleet) -> Plan:
    if request.cleanup is None:
        return NOTHING
    gone = set(now.deselected)
    nodes = [node for node in await api.list_nodes() if node.metadata.name in gone] if gone else []
    return deselected_plan(
        nodes, node_jobs.identified(now.jobs, nodes), request.cleanup.digest, request.rules()
    )
