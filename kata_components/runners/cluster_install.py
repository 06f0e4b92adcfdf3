"""Installs paced by upstream's dispatcher in the cluster (`rollout.runsIn: cluster`)."""

import asyncio
import functools
from collections.abc import Mapping
from typing import Any

from kata_components import names
from kata_components.errors import ClusterError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.retry import until_answered
from kata_components.operations.install import Installed, InstallResult, carried_out, tidy
from kata_components.operations.preview import preview
from kata_components.planning import dispatcher_args
from kata_components.planning.dispatcher_args import Batch
from kata_components.planning.node_work import InstallWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.planning.step import Action, Barrier, Step
from kata_components.runners import cluster_cleanup
from kata_components.runners.cluster import Dispatching, matched
from kata_components.runners.dispatcher import Dispatcher
from kata_components.runners.lease import hold_lease
from kata_components.runners.marking import record
from kata_components.runners.progress import Reporter
from kata_components.runners.pulumi_cleanup import Cleaned
from kata_components.runners.run import Run


async def install_runs(api: KubeApi, selection: Selection, planned: Plan) -> list[Batch]:
    """Return the dispatcher runs that a plan needs, as the cluster is now.

    Fresh and failed nodes do not carry the label of an installed one, so a selector tells them
    apart from the others.
    """
    wanted = [step.node for step in planned.pending if step.needs_job]
    if not wanted or selection.nodes:
        return dispatcher_args.batches(wanted, {}, named=len(selection.nodes))
    found = await matched(
        api, [dispatcher_args.without_installed(selection.asked), selection.asked]
    )
    left_out = {step.node for step in planned.behind(Barrier.TAINT)}
    return dispatcher_args.batches(
        wanted, {selectors: nodes - left_out for selectors, nodes in found.items()}
    )


async def install(
    api: KubeApi,
    request: InstallRequest,
    job: Mapping[str, Any],
    reporter: Reporter,
) -> Installed:
    """Plan and carry the plan out through the dispatcher, holding the Lease; return when it has ended.

    A dispatcher that an interrupted run has left at work is followed before. `job` is the
    dispatcher's Job as the contract has it. Nodes that are to be cleaned come last, and only when
    all installs went well.

    Raises:
        GuardError: a guard rail stands against the plan, or the installation is another's; nothing
            was started.
        LeaseHeldError: another run works on this installation; nothing was started.
        RolloutStoppedError: the Lease was lost on the way, or the dispatcher cannot be started.
        ClusterError: the API server refuses for good to be asked.
    """
    began = asyncio.get_running_loop().time()
    async with hold_lease(
        api, request.namespace, names.base(request.suffix), owner=request.owner, reporter=reporter
    ) as lease:
        run = Run(
            api=api,
            namespace=request.namespace,
            suffix=request.suffix,
            lease=lease,
            reporter=reporter,
        )
        work = Dispatching(
            run=run,
            kind="install",
            digest=request.rules().digest,
            job=job,
            template=dispatcher_args.node_template(
                request.job, request.node_timeout_seconds, request.mounted
            ),
        )
        await work.settle()

        async def clean(cleanup: CleanupRequest, planned: Plan) -> Cleaned:
            return await cluster_cleanup.pace(run, cleanup, planned)

        work_off = functools.partial(_work_off, work, request)
        done = await carried_out(run, request, work_off=work_off, clean=clean, began=began)
        if not done.failure:
            await _remove(work.dispatcher, reporter)
    return done


async def _work_off(work: Dispatching, request: InstallRequest, planned: Plan) -> InstallResult:
    """Run the dispatcher for the plan, then mark what has succeeded."""
    run = work.run
    runs = await install_runs(run.api, request.selection, planned)
    if runs:
        run.reporter.message(dispatcher_args.summary(runs, len(planned.pending)).strip())
    wanted = InstallWork(request)
    stale = [step for step in planned.pending if step.needs_job and step.stale_job]
    await work.leave_traces(stale, wanted.superseded_annotations)
    seen = await work.work_off(runs) if runs else await work.dispatcher.listed()
    after = (await until_answered(lambda: preview(run.api, request))).plan
    ready = [step for step in after.pending if _only_needs_its_mark(step, after)]
    recorded = await record(run.api, run.lease, ready, wanted)
    # Skipped by now: a taint came in between. Nodes that have left the cluster are in neither plan.
    settled = {step.node for step in ready} | {
        s.node for s in after.steps if s.action is Action.UP_TO_DATE
    }
    behind = {step.node for step in after.steps} - settled
    left = [step for step in planned.pending if step.node in behind]
    await work.note_failures(left, seen, wanted.failed_annotations)
    failures = [*recorded.failures, *await work.failures(left, seen)]
    await tidy(run, after, recorded.done)
    stayed = {step.node for step in planned.pending} <= {step.node for step in after.steps}
    complaint = await work.complaint(seen) if runs and stayed and not failures else ""
    # A node whose cleanup was cut off still had the mark.
    done = {s.node for s in after.steps if s.action is Action.UP_TO_DATE} & {
        s.node for s in planned.pending
    }
    return InstallResult(done=done | {*recorded.done}, failures=failures, complaint=complaint)


def _only_needs_its_mark(step: Step, planned: Plan) -> bool:
    """Return whether nothing has to run on a node any more.

    One is also resumed whose Job still runs.
    """
    return step.action.writes_only or (
        step.action is Action.RESUME and step.node in planned.installs
    )


async def _remove(dispatcher: Dispatcher, reporter: Reporter) -> None:
    """Remove what has done its work; failing is no failure of the rollout."""
    try:
        await dispatcher.remove()
    except ClusterError as error:
        reporter.message(
            f"the dispatcher's Job could not be removed, the next rollout does it: {error}"
        )
