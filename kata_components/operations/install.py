"""`pulumi up` in job mode: plans under the Lease, has the plan carried out, says how it ended."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from kata_components.errors import ClusterError, GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.retry import until_answered
from kata_components.operations import plan_lines, report
from kata_components.operations.claim import Claim
from kata_components.operations.preview import Preview, preview, still_deselected
from kata_components.operations.records import cleanup_records, install_records
from kata_components.planning.node_jobs import JobKind, described
from kata_components.planning.plan import Plan
from kata_components.planning.requests import InstallRequest
from kata_components.planning.step import Action
from kata_components.report.record import NodeRecord
from kata_components.runners import cron_job
from kata_components.runners.clock import timestamp
from kata_components.runners.finished_jobs import drop_jobs
from kata_components.runners.progress import Reporter
from kata_components.runners.run import Run, hold_run
from kata_components.runners.runner import NONE_CLEANED, Cleaned, InstallResult, Runner, RunnerOf


@dataclass(frozen=True, kw_only=True)
class Installed:
    """How a rollout ended."""

    outcome: report.Outcome
    failure: str
    """The complete text of its failure, empty when all went well."""
    began_at: str
    """When it began, as Kubernetes writes a MicroTime."""
    records: Sequence[NodeRecord]
    """What became of each node that was to be touched, or skipped."""


async def install(
    api: KubeApi,
    request: InstallRequest,
    runner_of: RunnerOf,
    reporter: Reporter,
    interrupted: Callable[[Installed], None] = lambda _: None,
) -> Installed:
    """Plan and carry the plan out, holding the Lease; return when nothing is left to be started.

    Nodes that are to be cleaned come last, and only when all installs went well. `interrupted` is
    told how far the installs have come when something cuts them off, if the runner knows.

    Raises:
        GuardError: a guard rail stands against the plan, or the installation is another's; nothing
            was started.
        LeaseHeldError: another run works on this installation; nothing was started.
        RolloutStoppedError: the Lease was lost on the way, or no progress was possible.
        ClusterError: the API server refuses for good.
    """
    began, began_at = asyncio.get_running_loop().time(), timestamp()
    async with (
        hold_run(api, request.namespace, request.suffix, request.owner, reporter) as run,
        cron_job.suspended(run, request.cron_job),
    ):
        runner = runner_of(run)
        await runner.stop_old_dispatchers(request)
        found = await preview(api, request)
        if found.refusals:
            raise GuardError("\n".join(found.refusals))
        run.lease.claim(Claim.of(request.selection).render())
        reporter.message(plan_lines.plan_summary(found.plan, request.parallelism))

        async def replan() -> Plan:
            return (await until_answered(lambda: preview(api, request))).plan

        ended = partial(_installed, request=request, found=found, began=began, began_at=began_at)
        try:
            result = await runner.install(request, found.plan, replan)
        except BaseException:  # Ctrl-C, too
            if runner.reached:
                interrupted(ended(runner.reached, NONE_CLEANED))
            raise
        if result.skipped:
            reporter.message(report.left_out(result.skipped))
        if result.still_tainted:
            reporter.message(report.still_tainted(result.still_tainted))
        cleaned = NONE_CLEANED
        if result.whole:
            cleaned = await _clean_deselected(run, runner, request, found.cleanup)
        done = ended(result, cleaned)
        await _remove_dispatchers(runner, reporter, failed=bool(done.failure))
    return done


async def _clean_deselected(
    run: Run, runner: Runner, request: InstallRequest, planned: Plan
) -> Cleaned:
    if not request.cleanup or not planned.pending:
        return NONE_CLEANED
    # The plan may be hours old: what has been selected again since stays.
    cleaning = planned.within(await still_deselected(run.api, request))
    run.reporter.message(report.cleaning(cleaning.counts, request.parallelism))
    cleaned = await runner.clean(replace(request.cleanup, spared=request.selection), cleaning)
    await drop_jobs(run, cleaned.nodes)
    return cleaned


async def _remove_dispatchers(runner: Runner, reporter: Reporter, *, failed: bool) -> None:
    """Remove dispatchers; that this fails is not a failure of the rollout."""
    try:
        await until_answered(lambda: runner.remove_dispatchers(failed=failed))
    except ClusterError as error:
        reporter.message(
            f"the dispatcher's Job could not be removed, the next rollout does it: {error}"
        )


def _installed(
    result: InstallResult,
    cleaned: Cleaned,
    *,
    request: InstallRequest,
    found: Preview,
    began: float,
    began_at: str,
) -> Installed:
    now = asyncio.get_running_loop().time()
    outcome = _outcome(found.plan, result, cleaned, now - began)
    return Installed(
        outcome=outcome,
        failure=_failure(request, outcome, result, cleaned),
        began_at=began_at,
        records=[
            *install_records(found.plan, result, began, now),
            *cleanup_records(found.cleanup, cleaned, began),
        ],
    )


def _outcome(
    planned: Plan, result: InstallResult, cleaned: Cleaned, seconds: float
) -> report.Outcome:
    done = set(result.done)
    written = Counter(
        step.action for step in planned.pending if step.action.writes_only and step.node in done
    )
    failures = [*result.failures, *cleaned.failures]
    return report.Outcome(
        selected=len(planned.steps),
        up_to_date=planned.counts.get(Action.UP_TO_DATE, 0),
        installed=len(done) - written.total(),
        adopted=written[Action.ADOPT],
        relabelled=written[Action.RELABEL],
        cleaned=len(cleaned.nodes),
        failed=len(failures) + len(result.untried),
        skipped=planned.counts.get(Action.SKIPPED, 0) + len(result.skipped) + len(cleaned.skipped),
        remaining=result.remaining + len(result.working),
        failed_nodes=(*(failure.node for failure in failures), *result.untried),
        seconds=seconds,
        digest=planned.digest,
    )


def _failure(
    request: InstallRequest, outcome: report.Outcome, result: InstallResult, cleaned: Cleaned
) -> str:
    if not (outcome.failed or outcome.remaining):
        return result.warning
    kind: JobKind = "cleanup" if cleaned.failures else "install"
    return report.failure_text(
        "cleaned" if cleaned.failures else "installed",
        [*result.failures, *cleaned.failures],
        failed=outcome.failed,
        remaining=outcome.remaining,
        stop_reason=result.stop_reason,
        details=described(request.namespace, request.suffix, kind),
    )
