"""Installs: from the request to the plan, and from the plan to the outcome."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from kata_components import names
from kata_components.errors import ClusterError, GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.rollout import guards, jobs, mark, report, waves
from kata_components.rollout.approval import Approval
from kata_components.rollout.budget import Budget
from kata_components.rollout.cleanup_plan import deselected_plan
from kata_components.rollout.digest import Contents, current, host_digests
from kata_components.rollout.jobs import JobStamp
from kata_components.rollout.pacer import Pacer
from kata_components.rollout.phase import NodeRuns, Phase, Progress
from kata_components.rollout.plan import NOTHING, Action, Plan, Rules, Step, plan, unclaimed
from kata_components.runner import fleet
from kata_components.runner.cleanup import Cleaned, CleanupRequest, drop_jobs, pace
from kata_components.runner.dispatcher import retired
from kata_components.runner.driver import Driver, Orders
from kata_components.runner.fleet import Fleet, Selection
from kata_components.runner.lease import held, timestamp


@dataclass(frozen=True, kw_only=True)
class InstallRequest:
    """What the configuration asks of a rollout. `job` is the install Job's template; times are in seconds.

    `mounted` stands for the contents of the ConfigMaps that the Job mounts. With `cleanup`, nodes that carry the mark
    and are not selected any more are cleaned. An `approval` binds the plan. `heeds_taints`: whoever makes the Jobs
    makes none for a node with a taint that they do not tolerate.
    """

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

    @property
    def rules(self) -> Rules:
        """What planning needs of it."""
        return Rules(
            suffix=self.suffix,
            digests=host_digests(self.job, self.mounted),
            sizes=self.sizes,
            not_ready=self.not_ready,
            existing=self.existing,
            tolerations=self.job["spec"]["template"]["spec"].get("tolerations", ()) if self.heeds_taints else None,
        )


@dataclass(frozen=True, kw_only=True)
class Preview:
    """What the next rollout does, and what stands against it.

    `cleanup` is the plan for nodes that are not selected any more, empty unless they are to be cleaned; `deselected`
    are their names in any case. `guards` are the guard rails that were met, confirmed ones included.
    """

    plan: Plan
    cleanup: Plan
    deselected: list[str]
    refusals: list[str]
    guards: list[str]


async def preview(api: KubeApi, request: InstallRequest) -> Preview:
    """Return the plan for the fleet as it is now, with the refusals of the guard rails. Reads only."""
    now = await fleet.read(api, request.namespace, request.suffix, request.selection)
    planned = plan(now.nodes, now.jobs, request.rules)
    cleaning = await _cleanup_plan(api, request, now)
    met = [
        guards.unknown_nodes(now.missing),
        guards.empty_selection(len(now.nodes), now.deselected, str(request.selection)),
        guards.unclaimed(unclaimed(planned)),
        guards.cleaning([step.node for step in cleaning.pending], now.marked),
    ]
    departures: list[str] = []
    if request.approval:
        planned, cleaning = request.approval.bound(planned), request.approval.bound(cleaning)
        departures = request.approval.departures(planned, cleaning, request.parallelism)
    confirmed = request.approval.guards if request.approval else ()
    return Preview(
        plan=planned,
        cleanup=cleaning,
        deselected=now.deselected,
        refusals=[*(refusal.text for refusal in guards.unconfirmed(met, confirmed)), *departures],
        guards=[refusal.guard for refusal in met if refusal and refusal.guard],
    )


async def _cleanup_plan(api: KubeApi, request: InstallRequest, now: Fleet) -> Plan:
    if request.cleanup is None:
        return NOTHING
    gone = set(now.deselected)
    nodes = [node for node in await api.list_nodes() if node.metadata.name in gone] if gone else []
    return deselected_plan(nodes, jobs.identified(now.jobs, nodes), request.suffix, request.cleanup.digest)


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The outcome of a rollout, and the complete text of its failure (empty when all went well)."""

    outcome: report.Outcome
    failure: str


async def install(
    api: KubeApi,
    request: InstallRequest,
    *,
    say: Callable[[str], None],
    on_progress: Callable[[Progress, float], None],
) -> Installed:
    """Plan and carry the plan out, paced, holding the Lease; return when nothing is left that may be started.

    Nodes that are to be cleaned come last, and only when all installs went well.

    Raises:
        GuardError: a guard rail stands against the plan; nothing was started.
        LeaseHeldError: another run works on this installation; nothing was started.
        RolloutStoppedError: the Lease was lost on the way.
        ClusterError: the API server refuses for good to be asked.
    """
    loop = asyncio.get_running_loop()
    began = loop.time()
    cleaned = Cleaned(nodes=[], failures=[])
    async with (
        held(api, request.namespace, names.base(request.suffix), say=say) as lease,
        retired(api, request.namespace, request.suffix, request.job, say),
    ):
        found = await lease.kept(preview(api, request))
        if found.refusals:
            raise GuardError("\n".join(found.refusals))
        lease.claim(request.selection.render())
        say(report.plan_summary(found.plan, request.parallelism))
        pacer = _pacer(request, found.plan)
        if found.plan.pending:
            wanted = orders(request, found.plan)
            await Driver(api, pacer, wanted, lease, lambda p: on_progress(p, loop.time() - began)).run()
        if found.plan.pending or found.plan.leftover:
            await lease.kept(tidy(api, request, found.plan, pacer.nodes, say))
        if request.cleanup and found.cleanup.pending and not _unfinished(pacer):
            say(f"cleanup: {report.counts(found.cleanup.counts)}")
            cleaned = await pace(api, request.cleanup, found.cleanup, lease, on_progress)
            await lease.kept(drop_jobs(api, request.cleanup, cleaned.nodes))
    return _installed(found.plan, pacer, cleaned, loop.time() - began)


def _unfinished(pacer: Pacer) -> bool:
    return bool(pacer.nodes.failures or pacer.nodes.within(Phase.QUEUED))


def _pacer(request: InstallRequest, planned: Plan) -> Pacer:
    allowed = waves.share(request.max_failures, len(planned.steps))
    earlier = [step.node for step in planned.steps if step.failed_before]
    return Pacer(
        planned.pending,
        stage="install",
        digest=planned.digest,
        parallelism=request.parallelism,
        budget=Budget(allowed, earlier=earlier),
        soak_seconds=request.soak_seconds,
        node_timeout_seconds=request.node_timeout_seconds,
    )


def orders(request: InstallRequest, planned: Plan) -> Orders:
    """Return what the pacer's commands mean for installs."""
    key = names.mark_annotation(request.suffix)

    def marks(step: Step, digest: str = planned.digest, failed: str = "") -> Mapping[str, str]:
        made = mark.Mark(
            kata_version=request.kata_version,
            digest=digest,
            node_uid=step.node_uid,
            machine_id=step.machine_id,
            time=timestamp(),
            failed=failed,
        )
        return {key: mark.render(made)}

    return Orders(
        namespace=request.namespace,
        suffix=request.suffix,
        steps={step.node: step for step in planned.pending},
        stamp=JobStamp(
            template=request.job,
            stage="install",
            suffix=request.suffix,
            digest=current(request.rules.digests),
            node_timeout_seconds=request.node_timeout_seconds,
        ),
        marks=marks,
        traces=lambda step: marks(step, digest="", failed=planned.digest if step.failed_before else ""),
    )


async def tidy(
    api: KubeApi, request: InstallRequest, planned: Plan, nodes: NodeRuns, say: Callable[[str], None]
) -> None:
    """Remove the succeeded Jobs of marked nodes; failed ones stay for diagnosis, and others are all the trace there is.

    With one request, as a rule. Failing is no failure of the rollout: the next one removes them.
    """
    marked = {*nodes.within(Phase.DONE), *(s.node for s in planned.steps if s.action is Action.UP_TO_DATE)}
    selector = jobs.selector(request.suffix, "install")
    try:
        found = [jobs.observed(job) for job in (await api.list_jobs(request.namespace, selector)).items]
        # One that still runs may succeed before the request below: then its node must keep it.
        if all(job.node in marked or job.state is jobs.JobState.FAILED for job in found):
            await api.delete_jobs(request.namespace, selector, field_selector="status.successful=1")
            return
        for job in found:
            if job.node in marked and job.state is jobs.JobState.SUCCEEDED:
                await api.delete_job(request.namespace, job.name, job.uid)
    except ClusterError as error:
        say(f"finished Jobs could not be removed, the next rollout does it: {error}")


def _installed(planned: Plan, pacer: Pacer, cleaned: Cleaned, seconds: float) -> Installed:
    actions = {step.node: step.action for step in planned.pending}
    done = [actions[node] for node in pacer.nodes.within(Phase.DONE)]
    adopted = done.count(Action.ADOPT)
    waiting = pacer.nodes.within(Phase.QUEUED)
    failures = [*pacer.nodes.failures, *cleaned.failures]
    # A failed node of an earlier run that was not tried again is still a failed node.
    untried = [node for node in waiting if actions[node] is Action.RETRY]
    counts = planned.counts
    outcome = report.Outcome(
        selected=len(planned.steps),
        up_to_date=counts.get(Action.UP_TO_DATE, 0),
        installed=len(done) - adopted,
        adopted=adopted,
        cleaned=len(cleaned.nodes),
        failed=len(failures) + len(untried),
        skipped=counts.get(Action.SKIPPED, 0),
        remaining=len(waiting) - len(untried),
        failed_nodes=(*(failure.node for failure in failures), *untried),
        seconds=seconds,
        digest=planned.digest,
    )
    failure = ""
    if outcome.failed or outcome.remaining:
        failure = report.failure_text(
            "cleaned" if cleaned.failures else "installed",
            failures,
            failed=outcome.failed,
            remaining=outcome.remaining,
            stop_reason=pacer.budget.stop_reason,
        )
    return Installed(outcome=outcome, failure=failure)
