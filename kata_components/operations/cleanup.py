"""Takes an installation off all its nodes, at its end; what is left can be cleaned later."""

import asyncio
import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

from kata_components import wording
from kata_components.errors import GuardError, RolloutFailedError
from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.retry import until_answered
from kata_components.operations import fleet, left_results, rehearsal, report
from kata_components.operations.claim import Claim
from kata_components.pacing.progress import Failure
from kata_components.planning import node_jobs
from kata_components.planning.cleanup_plan import cleanup_plan
from kata_components.planning.node_work import CleanupWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest
from kata_components.planning.selection import Selection
from kata_components.planning.step import Action, Step
from kata_components.runners.finished_jobs import delete_all, drop_jobs
from kata_components.runners.marking import written
from kata_components.runners.run import Run
from kata_components.runners.runner import NONE_CLEANED, Cleaned, Runner

DEAD_NODE_SECONDS: Final = 60.0
"""How long `pulumi destroy` waits for NotReady nodes."""
_LOOK_SECONDS: Final = 5.0
ABANDON_VARIABLE: Final = "KATA_DEPLOY_ABANDON_NODES"
"""The environment variable with the nodes to give up, separated by commas.

An environment variable, because `pulumi destroy` sees the configuration of the last `up`.
"""


@dataclass(frozen=True, kw_only=True)
class Cleanup:
    """The cleanup at the end of an installation."""

    run: Run
    runner: Runner
    request: CleanupRequest
    claim: Claim | None
    """The nodes the installation was given; None if that is unknown."""
    abandoned: Collection[str] = ()
    """Names of nodes that need not be cleaned while they are NotReady.

    Mark and label are taken off them, and their disks stay as they are.
    """

    async def carry_out(self) -> None:
        """Clean every node that has something of this installation, then remove its per-node Jobs.

        NotReady nodes are waited for, up to `DEAD_NODE_SECONDS` after all others are clean.

        Raises:
            GuardError: the API server would not accept its Jobs or their pods, or no node has an
                abandoned name; nothing was started.
            RolloutFailedError: some nodes could not be cleaned; what they need is still there, so
                it can be run again.
            RolloutStoppedError: the Lease was lost on the way.
            ClusterError: the API server refuses for good.
        """
        loop = asyncio.get_running_loop()
        began = loop.time()
        await self._refuse_unknown()
        planned = await self._plan()
        self.run.reporter.message(report.cleaning(planned.counts, self.request.parallelism))
        await self._rehearse(planned)
        cleaned = await self._clean(planned)
        done, deadline = {*cleaned.nodes}, loop.time() + DEAD_NODE_SECONDS
        if dead := self._dead(planned, cleaned):
            self.run.reporter.message(
                f"waiting {DEAD_NODE_SECONDS:.0f}s for nodes on which no Job can run: "
                f"{_listed(dead)}"
            )
        while self._dead(planned, cleaned) and not cleaned.failures and loop.time() < deadline:
            await asyncio.sleep(_LOOK_SECONDS)
            planned = await until_answered(functools.partial(self._plan, done))
            cleaned = await self._clean(planned) if planned.pending else NONE_CLEANED
            if cleaned.nodes:
                # The Jobs of those that came back may have taken all the time of the others.
                deadline = loop.time() + DEAD_NODE_SECONDS
            done |= {*cleaned.nodes}
        details = node_jobs.described(self.request.namespace, self.request.suffix, "cleanup")
        _refuse_leftovers(cleaned.failures, self._dead(planned, cleaned), details)
        await self._abandon(_left_out(planned, cleaned))
        await left_results.remove(self.run, self.claim)
        await delete_all(self.run)
        self.run.reporter.message(
            f"cleaned {wording.nodes(len(done))} in {wording.duration(loop.time() - began)}"
        )

    async def _refuse_unknown(self) -> None:
        """Refuse names to abandon that are not nodes: the wait would be in vain."""
        if not self.abandoned:
            return
        known = {node.metadata.name for node in await self.run.api.list_node_metadata()}
        unknown = sorted({*self.abandoned} - known)
        if unknown:
            msg = (
                f"{ABANDON_VARIABLE} names {wording.some(unknown)}, which the cluster does not "
                "have: see `kubectl get nodes`. Nodes that have left the cluster need not "
                "be given up. Nothing was cleaned."
            )
            raise GuardError(msg)

    async def _rehearse(self, planned: Plan) -> None:
        """Refuse to start what the API server would not accept."""
        job = rehearsal.first_job(CleanupWork(self.request).stamp, planned.pending)
        refusals = (
            await rehearsal.refusals(self.run.api, self.request.namespace, self.request.suffix, job)
            if job
            else []
        )
        if refusals:
            raise GuardError("\n".join(refusals))

    async def _clean(self, planned: Plan) -> Cleaned:
        """Carry out a plan.

        Another plan that follows, in this run or the next, must not do these nodes again.
        """
        cleaned = await self.runner.clean(self.request, planned)
        if cleaned.failures or self._dead(planned, cleaned):
            # An install Job, as one that failed leaves it, asks for a cleanup.
            await drop_jobs(self.run, cleaned.nodes, "install")
        return cleaned

    async def _plan(self, done: Collection[str] = ()) -> Plan:
        request, api = self.request, self.run.api
        now = await fleet.read(api, request.namespace, request.suffix, Selection())
        claimed = await self.claim.nodes(api) if self.claim else ()
        planned = cleanup_plan(
            now.nodes,
            now.jobs,
            request.suffix,
            request.digest,
            namespace=request.namespace,
            claimed=claimed,
            token_free=node_jobs.is_token_free(request.job),
        )
        return replace(
            planned, steps=tuple(step for step in planned.steps if step.node not in done)
        )

    def _dead(self, planned: Plan, cleaned: Cleaned) -> list[Failure]:
        """Return the nodes on which no Job could run, each with the reason."""
        late = {node.node: node.text for node in cleaned.skipped}
        return [
            Failure(step.node, late.get(step.node, step.reason))
            for step in _left_out(planned, cleaned)
            if step.node not in self.abandoned
        ]

    async def _abandon(self, steps: Sequence[Step]) -> None:
        work = CleanupWork(self.request)

        async def release(step: Step) -> None:
            change = functools.partial(work.given_up, step)
            await written(self.run.api, self.run.lease, step, change)

        await run_bounded(CALLS_AT_ONCE, map(release, steps))


def _left_out(planned: Plan, cleaned: Cleaned) -> list[Step]:
    """Return the steps of nodes that were left out of the plan or when their turn came."""
    late = {node.node for node in cleaned.skipped}
    return [step for step in planned.steps if step.action is Action.SKIPPED or step.node in late]


def _listed(dead: Sequence[Failure]) -> str:
    return wording.some([f"{node.node} ({node.text})" for node in dead])


def _refuse_leftovers(failures: Sequence[Failure], dead: Sequence[Failure], details: str) -> None:
    problems = []
    if failures:
        problems.append(
            report.failure_text(
                "cleaned",
                failures,
                failed=len(failures),
                remaining=0,
                stop_reason="",
                details=details,
            )
        )
    if dead:
        names = ",".join(node.node for node in dead[: wording.SHOWN_NODES])
        them = "it" if len(dead) == 1 else "them"
        problems.append(
            f"{wording.nodes(len(dead))} could not be cleaned, since no Job can run there: "
            f"{_listed(dead)}.\n"
            f"  Bring {them} back and run `pulumi destroy` again.\n"
            f"  If that is impossible, remove {them} from the cluster (`kubectl delete node "
            f"<name>`) or give {them} up: `{ABANDON_VARIABLE}={names} pulumi destroy` takes mark "
            f"and label off {them} and leaves what is on the disk."
        )
    if problems:
        msg = "\n".join(
            [*problems, "Everything else is kept so that `pulumi destroy` can be run again."]
        )
        raise RolloutFailedError(msg)
