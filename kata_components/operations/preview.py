"""What the next rollout does: from the request and the cluster as it is to the plan. Reads only."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.nodes import Node
from kata_components.operations import evidence, fleet
from kata_components.operations.fleet import Fleet
from kata_components.operations.installation import cluster_uid
from kata_components.planning import architectures, demands, guardrails, node_jobs, waves
from kata_components.planning.approval import PARALLELISM, Approval, Pace, Place
from kata_components.planning.cleanup_plan import deselected_plan
from kata_components.planning.demands import Demands
from kata_components.planning.host_digest import Contents, host_digests
from kata_components.planning.ownership import Owner
from kata_components.planning.plan import NOTHING, Plan, plan
from kata_components.planning.selection import Selection
from kata_components.planning.step import Barrier
from kata_components.planning.verdict import Rules
from kata_components.runners import clock
from kata_components.runners.pulumi_cleanup import CleanupRequest


@dataclass(frozen=True, kw_only=True)
class InstallRequest:
    """What the configuration asks of a rollout, as `owner`.

    `job` is the install Job's template; times are in seconds.

    `mounted` stands for the contents of the ConfigMaps that the Job mounts. With `cleanup`, nodes
    that carry the mark and are not selected any more are cleaned. An `approval` binds the plan.
    `heeds_taints`: whoever makes the Jobs makes none for a node with a taint that they do not
    tolerate. `architectures` says, by each architecture there are shims for, what the node program
    would refuse there; empty texts where nothing.
    """

    owner: Owner
    namespace: str
    suffix: str
    kata_version: str
    selection: Selection
    job: Mapping[str, Any]
    parallelism: int
    sizes: tuple[waves.Size, ...]
    max_failures: waves.Size
    soak_seconds: int
    node_timeout_seconds: int
    not_ready: Literal["skip", "attempt"]
    existing: Literal["adopt", "install"] | None
    mounted: Contents = field(default_factory=dict)
    cleanup: CleanupRequest | None = None
    approval: Approval | None = None
    heeds_taints: bool = False
    demands: Demands = demands.NONE
    architectures: Mapping[str, str] = field(default_factory=dict)
    runs_in: Literal["pulumi", "cluster"] = "pulumi"

    @property
    def pace(self) -> Pace:
        """What an approved plan binds of the configuration, by its keys."""
        return {
            PARALLELISM: self.parallelism,
            "rollout.maxFailures": self.max_failures,
            "rollout.nodeTimeoutSeconds": self.node_timeout_seconds,
            "rollout.notReady": self.not_ready,
            "rollout.runsIn": self.runs_in,
            "rollout.soakSeconds": self.soak_seconds,
            "rollout.waves": [*self.sizes],
        }

    def rules(self, installed_until: str = "") -> Rules:
        """Return what planning needs of it; `installed_until` as in `Rules`."""
        rules = Rules(
            suffix=self.suffix,
            namespace=self.namespace,
            digests=host_digests(self.job, self.mounted),
            sizes=self.sizes,
            soak_seconds=self.soak_seconds,
            not_ready=self.not_ready,
            existing=self.existing,
            demands=self.demands,
            installed_until=installed_until,
            tolerations=self.job["spec"]["template"]["spec"].get("tolerations", ())
            if self.heeds_taints
            else None,
        )
        return replace(rules, bound=self.approval.bound) if self.approval else rules

    def objection(self, node: Node) -> str:
        """Return why a node that was planned is not to be worked on as it is now, empty when it is."""
        if not self.selection.includes(node):
            return "is not selected any more"
        if not node.ready and self.not_ready == "skip":
            return node.not_ready
        return self.demands.unfit(node) or self.demands.other_distribution(node)


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
        await evidence.installed_until(api, request.namespace, request.suffix)
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
        # Its counts are others by now when the approved cleaning was cut off.
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
