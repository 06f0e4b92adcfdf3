"""Jobs that upstream's dispatcher creates and paces in the cluster (`rollout.runsIn: cluster`)."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from kata_components.kubernetes.api import KubeApi
from kata_components.pacing.holdup import Holdup
from kata_components.pacing.protocol import Protocol
from kata_components.planning import dispatcher_args
from kata_components.planning.dispatcher_args import Batch, Selectors
from kata_components.planning.node_jobs import JobKind
from kata_components.planning.node_work import CleanupWork, InstallWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.planning.service import NOT_SERVING
from kata_components.planning.step import Action, Barrier, Step
from kata_components.runners.dispatcher import Dispatcher
from kata_components.runners.dispatching import Dispatching, settled
from kata_components.runners.finished_jobs import remove_finished_jobs
from kata_components.runners.lifting import lift_all
from kata_components.runners.marking import record
from kata_components.runners.run import Run
from kata_components.runners.runner import Cleaned, InstallResult


class ClusterRunner:
    """Starts the dispatcher and follows it; `job` is the dispatcher's Job as the contract has it.

    A dispatcher that an interrupted run has left at work is followed first.
    """

    def __init__(self, run: Run, job: Mapping[str, Any]) -> None:
        self._run = run
        self._job = job
        self._holdups: dict[JobKind, dict[str, Holdup]] = {"install": {}, "cleanup": {}}

    async def stop_old_dispatchers(self, request: InstallRequest | CleanupRequest) -> None:
        """Before installs, also wait until nothing works any more; `clean` does that by itself."""
        if isinstance(request, InstallRequest):
            await self._installing(request).settle()
        else:
            await Dispatcher(self._run, self._job).stop_all(but="cleanup")

    async def install(
        self, request: InstallRequest, planned: Plan, replan: Callable[[], Awaitable[Plan]]
    ) -> InstallResult:
        """Run the dispatcher for the plan, then mark the nodes whose Jobs have succeeded."""
        run, work, dispatching = self._run, InstallWork(request), self._installing(request)
        batches = await install_batches(run.api, request.selection, planned)
        if batches:
            summary = dispatcher_args.summary(batches, len(planned.pending))
            run.reporter.message(summary.strip())
        needed = [step for step in planned.pending if step.needs_job]
        # What its labels say is not true of the new machine, also if its Job fails.
        await dispatching.begin(step for step in needed if step.action is Action.REBUILT)
        # Without a trace of it, an install would not be told from the cleanup before.
        again = [step for step in needed if step.stale_job or step.undone]
        await dispatching.leave_traces(again, work.superseded)
        seen = await (dispatching.work_off(batches) if batches else dispatching.dispatcher.listed())
        after = await replan()
        ready = [step for step in after.pending if _only_needs_its_mark(step, after)]
        recorded = await record(run.api, run.lease, ready, work)
        # Those of the others are the dispatcher's affair.
        relabelled = [s for s in ready if s.action is Action.RELABEL and s.node in recorded.done]
        matchers = request.demands.startup_taints
        still_tainted = await lift_all(run.api, run.lease, relabelled, matchers)
        up_to_date = {step.node for step in after.steps if step.action is Action.UP_TO_DATE}
        # A node may be skipped now because it was tainted since; one that has left the cluster is
        # not in the new plan.
        behind = {step.node for step in after.steps} - up_to_date - {step.node for step in ready}
        pending = {step.node for step in planned.pending}
        idle = [s for s in after.pending if s.node in pending and s.service in NOT_SERVING]
        protocol = Protocol(ready_seconds=request.demands.ready_seconds, namespace=run.namespace)
        not_serving = await dispatching.not_serving(idle, protocol)
        behind -= {step.node for step in idle}
        left = [step for step in planned.pending if step.node in behind]
        await dispatching.note_failures(left, seen, work.failed)
        others = await dispatching.failures(left, seen)
        failures = [*recorded.failures, *not_serving, *others]
        await remove_finished_jobs(run, after, recorded.done)
        stayed = pending <= {step.node for step in after.steps}
        warning = await dispatching.warning(seen) if batches and stayed and not failures else ""
        # A node whose cleanup was cut off still had the mark.
        done = (up_to_date & pending) | {*recorded.done}
        return InstallResult(
            done=done,
            failures=failures,
            still_tainted=still_tainted,
            warning=warning,
            times=dispatching.times,
        )

    @property
    def reached(self) -> None:
        """Unknown: the dispatcher goes on without this process."""
        return

    async def clean(self, request: CleanupRequest, planned: Plan) -> Cleaned:
        """Run the dispatcher for the plan, then take the marks off the nodes that are clean."""
        assert request.dispatcher_job is not None, "who asks for the dispatcher has its Job"
        run, work, job = self._run, CleanupWork(request), request.dispatcher_job
        dispatching = Dispatching(
            run=run,
            work=work,
            job=job,
            template=dispatcher_args.node_template(request.job, request.node_timeout_seconds, {}),
            holdups=self._holdups["cleanup"],
        )
        seen = await dispatching.settle()
        # What an interrupted run has cleaned and not recorded needs no Job.
        _, todo = settled(planned.pending, seen, "cleanup", planned.digest)
        own = [dispatcher_args.selectors_of(job)] if todo else []
        batches = dispatcher_args.batches(
            [step.node for step in todo], await _match_nodes(run.api, own)
        )
        # Nothing is written on the others: the dispatcher chooses the order, and destroy may be
        # interrupted before their turn.
        stale = [step for step in todo if step.stale_job]
        await dispatching.leave_traces(stale, work.superseded)
        seen = await dispatching.work_off(batches) if batches else seen
        done, left = settled(planned.pending, seen, "cleanup", planned.digest)
        recorded = await record(run.api, run.lease, done, work)
        await dispatching.note_failures(left, seen, work.failed)
        failures = [*recorded.failures, *await dispatching.failures(left, seen)]
        return Cleaned(nodes=recorded.done, failures=failures, skipped=[], times=dispatching.times)

    async def remove_dispatchers(self, *, failed: bool) -> None:
        """Remove all, but for those of work that has failed: their pods have words about that."""
        if not failed:
            await Dispatcher(self._run, self._job).remove()

    def _installing(self, request: InstallRequest) -> Dispatching:
        template = dispatcher_args.node_template(
            request.job, request.node_timeout_seconds, request.mounted
        )
        return Dispatching(
            run=self._run,
            work=InstallWork(request),
            job=self._job,
            template=template,
            holdups=self._holdups["install"],
        )


async def install_batches(api: KubeApi, selection: Selection, planned: Plan) -> list[Batch]:
    """Return the dispatcher runs that a plan needs, as the cluster is now.

    Fresh and failed nodes do not carry the label of an installed one, so a selector tells them
    apart from the others.
    """
    wanted = [step.node for step in planned.pending if step.needs_job]
    if not wanted or selection.nodes:
        return dispatcher_args.batches(wanted, {}, named=len(selection.nodes))
    candidates = [
        dispatcher_args.without_installed(selection.effective_selectors),
        selection.effective_selectors,
    ]
    found = await _match_nodes(api, candidates)
    left_out = {step.node for step in planned.behind(Barrier.TAINT)}
    return dispatcher_args.batches(
        wanted, {selectors: nodes - left_out for selectors, nodes in found.items()}
    )


async def _match_nodes(api: KubeApi, candidates: Iterable[Selectors]) -> dict[Selectors, set[str]]:
    """Return which nodes each selection matches now, as the API server will tell the dispatcher."""
    found = {}
    for selectors in filter(None, candidates):
        matches = await asyncio.gather(*map(api.list_node_metadata, selectors))
        found[selectors] = {node.metadata.name for nodes in matches for node in nodes}
    return found


def _only_needs_its_mark(step: Step, planned: Plan) -> bool:
    """Return whether nothing has to run on a node any more.

    One whose Job still runs is resumed as well, and one that does not serve behind its Job.
    """
    if step.service in NOT_SERVING:
        return False
    return step.action.writes_only or (
        step.action is Action.RESUME and step.node in planned.installs
    )
