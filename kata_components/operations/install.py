"""Installs: carries a plan out, and says how it ended."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from dataclasses import dataclass, replace

from kata_components import names, wording
from kata_components.errors import GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.operations import report
from kata_components.operations.claim import Claim
from kata_components.operations.preview import preview, still_deselected
from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.progress import Failure
from kata_components.planning import node_jobs, waves
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.node_work import InstallWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.step import Action
from kata_components.runners.dispatcher import stop_old_dispatchers
from kata_components.runners.executor import Executor
from kata_components.runners.finished_jobs import (
    drop_jobs,
    leaving_what_cannot_be_removed,
    remove_succeeded,
)
from kata_components.runners.lease import hold_lease
from kata_components.runners.progress import Reporter
from kata_components.runners.pulumi_cleanup import NONE_CLEANED, Cleaned, pace
from kata_components.runners.run import Run


@dataclass(frozen=True, kw_only=True)
class Installed:
    """The outcome of a rollout, and the complete text of its failure (empty when all went well)."""

    outcome: report.Outcome
    failure: str


@dataclass(frozen=True, kw_only=True)
class InstallResult:
    """What became of the installs of a plan; names are nodes.

    `skipped` were left out since they are not as they were planned. `untried` failed in an earlier
    run and were not tried again, `remaining` is how many others were not started and `stop_reason`
    why. `complaint` is what went wrong where no node explains it.
    """

    done: Collection[str]
    failures: Sequence[Failure]
    skipped: Sequence[Failure] = ()
    untried: Sequence[str] = ()
    remaining: int = 0
    stop_reason: str = ""
    complaint: str = ""

    @property
    def whole(self) -> bool:
        """Whether nothing of the plan is left, as far as nodes tell."""
        return not (self.failures or self.untried or self.remaining)


async def install(
    api: KubeApi,
    request: InstallRequest,
    reporter: Reporter,
) -> Installed:
    """Plan and carry the plan out, paced, holding the Lease; return when nothing is left that may be started.

    Nodes that are to be cleaned come last, and only when all installs went well.

    Raises:
        GuardError: a guard rail stands against the plan, or the installation is another's; nothing
            was started.
        LeaseHeldError: another run works on this installation; nothing was started.
        RolloutStoppedError: the Lease was lost on the way.
        ClusterError: the API server refuses for good to be asked.
    """
    began = asyncio.get_running_loop().time()
    name = names.base(request.suffix)
    async with hold_lease(
        api, request.namespace, name, owner=request.owner, reporter=reporter
    ) as lease:
        run = Run(
            api=api,
            namespace=request.namespace,
            suffix=request.suffix,
            lease=lease,
            reporter=reporter,
        )

        async def work_off(planned: Plan) -> InstallResult:
            pacer = _pacer(request, planned)
            if planned.pending:
                await Executor(run, pacer, InstallWork(request)).run()
            if planned.pending or planned.leftover:
                whole = planned.pending and len(pacer.nodes.within(Phase.DONE)) == len(
                    planned.pending
                )
                # The pacer does not keep the finished Jobs of cleanups.
                known = pacer.jobs.all if whole and not planned.cleanups else None
                await tidy(run, planned, pacer.nodes.within(Phase.DONE), known)
            return _worked_off(planned, pacer)

        async def clean(cleanup: CleanupRequest, planned: Plan) -> Cleaned:
            return await pace(run, cleanup, planned)

        async with stop_old_dispatchers(run, request.job):
            return await carried_out(run, request, work_off=work_off, clean=clean, began=began)


async def carried_out(
    run: Run,
    request: InstallRequest,
    *,
    work_off: Callable[[Plan], Awaitable[InstallResult]],
    clean: Callable[[CleanupRequest, Plan], Awaitable[Cleaned]],
    began: float,
) -> Installed:
    """Plan under the Lease, have the installs worked off and then deselected nodes cleaned, and sum it up.

    `began` is when the rollout began, by the loop's clock.

    Raises:
        GuardError: a guard rail stands against the plan; nothing was started.
    """
    found = await preview(run.api, request)
    if found.refusals:
        raise GuardError("\n".join(found.refusals))
    run.lease.claim(Claim.of(request.selection).render())
    run.reporter.message(report.plan_summary(found.plan, request.parallelism))
    worked = await work_off(found.plan)
    if worked.skipped:
        run.reporter.message(report.left_out(worked.skipped))
    cleaned = NONE_CLEANED
    if request.cleanup and found.cleanup.pending and worked.whole:
        # Hours may lie between: what is selected again by now stays.
        cleaning = found.cleanup.within(await still_deselected(run.api, request))
        run.reporter.message(f"cleanup: {wording.counts(cleaning.counts)}")
        cleaned = await clean(replace(request.cleanup, spared=request.selection), cleaning)
        await drop_jobs(run, cleaned.nodes)
    return _installed(found.plan, worked, cleaned, asyncio.get_running_loop().time() - began)


def _worked_off(planned: Plan, pacer: Pacer) -> InstallResult:
    failed = {step.node for step in planned.pending if step.failed_before}
    waiting = pacer.nodes.within(Phase.QUEUED)
    # A failed node of an earlier run that was not tried again is still a failed node.
    untried = [node for node in waiting if node in failed]
    return InstallResult(
        done=pacer.nodes.within(Phase.DONE),
        failures=pacer.nodes.failures,
        skipped=pacer.nodes.skipped,
        untried=untried,
        remaining=len(waiting) - len(untried),
        stop_reason=pacer.budget.stop_reason,
    )


def _pacer(request: InstallRequest, planned: Plan) -> Pacer:
    allowed = waves.allowed(request.max_failures, len(planned.steps))
    earlier = [step.node for step in planned.steps if step.failed_before]
    return Pacer(
        planned.pending,
        kind="install",
        digest=planned.digest,
        parallelism=request.parallelism,
        budget=FailureBudget(allowed, earlier=earlier),
        soak_seconds=request.soak_seconds,
        opens_in=planned.opens_in,
        node_timeout_seconds=request.node_timeout_seconds,
    )


async def tidy(
    run: Run, planned: Plan, done: Collection[str], known: Sequence[NodeJob] | None = None
) -> None:
    """Remove the succeeded Jobs of marked nodes, `done` ones among them, and the cleanup Jobs of nodes that are clean.

    `known` are the Jobs where it is sure which there are; otherwise they are listed.
    """
    marked = {*done, *(s.node for s in planned.steps if s.action is Action.UP_TO_DATE)}
    with leaving_what_cannot_be_removed(run.reporter):
        if known is None:
            listed = await run.api.list_jobs(run.namespace, node_jobs.selector(run.suffix))
            known = [node_jobs.observed(job) for job in listed.items]
        await remove_succeeded(run, "install", known, marked)
        await remove_succeeded(run, "cleanup", known, marked | planned.cleaned)


def _installed(planned: Plan, worked: InstallResult, cleaned: Cleaned, seconds: float) -> Installed:
    done = set(worked.done)
    written = Counter(
        step.action for step in planned.pending if step.action.writes_only and step.node in done
    )
    failures = [*worked.failures, *cleaned.failures]
    outcome = report.Outcome(
        selected=len(planned.steps),
        up_to_date=planned.counts.get(Action.UP_TO_DATE, 0),
        installed=len(done) - written.total(),
        adopted=written[Action.ADOPT],
        relabelled=written[Action.RELABEL],
        cleaned=len(cleaned.nodes),
        failed=len(failures) + len(worked.untried),
        skipped=planned.counts.get(Action.SKIPPED, 0) + len(worked.skipped) + len(cleaned.skipped),
        remaining=worked.remaining,
        failed_nodes=(*(failure.node for failure in failures), *worked.untried),
        seconds=seconds,
        digest=planned.digest,
    )
    if not (outcome.failed or outcome.remaining):
        return Installed(outcome=outcome, failure=worked.complaint)
    failure = report.failure_text(
        "cleaned" if cleaned.failures else "installed",
        failures,
        failed=outcome.failed,
        remaining=outcome.remaining,
        stop_reason=worked.stop_reason,
    )
    return Installed(outcome=outcome, failure=failure)
