"""Jobs that this process creates and paces (`rollout.runsIn: pulumi`)."""

from collections.abc import Awaitable, Callable
from typing import Final

from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import ENDED, Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.protocol import Protocol
from kata_components.pacing.times import times
from kata_components.planning import waves
from kata_components.planning.node_jobs import is_token_free
from kata_components.planning.node_work import CleanupWork, InstallWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.runners.dispatcher import Dispatcher
from kata_components.runners.executor import Executor
from kata_components.runners.finished_jobs import remove_finished_jobs
from kata_components.runners.run import Run
from kata_components.runners.runner import Cleaned, InstallResult

_AT_REST: Final = (Phase.QUEUED, *ENDED)


class PulumiRunner:
    """Creates each Job when its turn comes, and watches it."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._dispatchers: list[Dispatcher] = []
        """Those of earlier runs, which may have used the other runner."""
        self.reached: InstallResult | None = None

    async def stop_old_dispatchers(self, request: InstallRequest | CleanupRequest) -> None:
        """Stop all."""
        dispatcher = Dispatcher(self._run, request.job)
        if await dispatcher.stop_all():
            self._dispatchers.append(dispatcher)

    async def install(
        self, request: InstallRequest, planned: Plan, replan: Callable[[], Awaitable[Plan]]
    ) -> InstallResult:
        """Carry out a plan, wave by wave."""
        del replan  # the pacer knows what has become of each node
        pacer = _install_pacer(request, planned, self._run.namespace)
        if planned.pending:
            try:
                await Executor(self._run, pacer, InstallWork(request)).run()
            finally:
                self.reached = _result(planned, pacer)
        done = pacer.nodes.within(Phase.DONE)
        if planned.pending or planned.leftover:
            whole = planned.pending and len(done) == len(planned.pending)
            # The pacer does not keep the finished Jobs of cleanups.
            known = pacer.jobs.all if whole and not planned.cleanups else None
            await remove_finished_jobs(self._run, planned, done, known)
        return _result(planned, pacer)

    async def clean(self, request: CleanupRequest, planned: Plan) -> Cleaned:
        """Carry out a cleanup plan, all in one wave."""
        pacer = Pacer(
            planned.pending,
            kind="cleanup",
            digest=planned.digest,
            parallelism=request.parallelism,
            budget=FailureBudget(),
            node_timeout_seconds=request.node_timeout_seconds,
        )
        await Executor(self._run, pacer, CleanupWork(request)).run()
        return Cleaned(
            nodes=pacer.nodes.within(Phase.DONE),
            failures=pacer.nodes.failures,
            skipped=pacer.nodes.skipped,
            times=times(pacer.nodes),
        )

    async def remove_dispatchers(self, *, failed: bool) -> None:
        """Remove those that were found, whatever came of this run: they tell nothing of it."""
        del failed
        for dispatcher in self._dispatchers:
            await dispatcher.remove()


def _install_pacer(request: InstallRequest, planned: Plan, namespace: str) -> Pacer:
    allowed = waves.allowed(request.max_failures, len(planned.steps))
    earlier = [step.node for step in planned.steps if step.failed_before]
    protocol = Protocol(ready_seconds=request.demands.ready_seconds, namespace=namespace)
    return Pacer(
        planned.pending,
        kind="install",
        digest=planned.digest,
        parallelism=request.parallelism,
        budget=FailureBudget(allowed, earlier=earlier),
        soak_seconds=request.soak_seconds,
        opens_in=planned.opens_in,
        node_timeout_seconds=request.node_timeout_seconds,
        protocol=protocol if is_token_free(request.job) else None,
    )


def _result(planned: Plan, pacer: Pacer) -> InstallResult:
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
        working=pacer.nodes.within(*(phase for phase in Phase if phase not in _AT_REST)),
        stop_reason=pacer.budget.stop_reason,
        still_tainted=pacer.nodes.still_tainted,
        times=times(pacer.nodes),
    )
