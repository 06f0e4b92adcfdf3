"""Cleanup: takes an installation off its nodes, paced, and then leaves nothing of it in the cluster."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kata_components import names
from kata_components.errors import RolloutFailedError
from kata_components.kubernetes.api import KubeApi
from kata_components.rollout import jobs, report
from kata_components.rollout.budget import Budget
from kata_components.rollout.digest import current, host_digests
from kata_components.rollout.jobs import JobStamp
from kata_components.rollout.pacer import Pacer
from kata_components.rollout.phase import Failure, Phase, Progress
from kata_components.rollout.plan import Action, Plan, cleanup_plan
from kata_components.runner import fleet
from kata_components.runner.driver import Driver, Orders
from kata_components.runner.fleet import Selection
from kata_components.runner.lease import HeldLease


@dataclass(frozen=True, kw_only=True)
class CleanupRequest:
    """What cleaning needs; all of it comes from the stack's state.

    `job` is the cleanup Job's template; `dispatcher_job` the Job of upstream's dispatcher, if that is to pace.
    """

    namespace: str
    suffix: str
    job: Mapping[str, Any]
    parallelism: int
    node_timeout_seconds: int
    dispatcher_job: Mapping[str, Any] | None = None


async def clean(
    api: KubeApi,
    request: CleanupRequest,
    lease: HeldLease,
    *,
    say: Callable[[str], None],
    on_progress: Callable[[Progress, float], None],
) -> None:
    """Clean every node that has something of this installation, then remove all its per-node Jobs.

    Raises:
        RolloutFailedError: some nodes could not be cleaned; what they need is still there, so it can be run again.
        RolloutStoppedError: the Lease was lost on the way.
        ClusterError: the API server refuses for good to be asked.
    """
    digest = current(host_digests(request.job))
    now = await fleet.read(api, request.namespace, request.suffix, Selection())
    planned = cleanup_plan(now.nodes, now.jobs, request.suffix, digest)
    pace = f", at most {request.parallelism} at a time" if planned.pending else ""
    say(f"cleanup: {report.counts(planned.counts)}{pace}")
    pacer = Pacer(
        planned.pending,
        stage="cleanup",
        digest=digest,
        parallelism=request.parallelism,
        budget=Budget(),
        node_timeout_seconds=request.node_timeout_seconds,
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    await Driver(
        api, pacer, orders(request, planned), lease, on_progress=lambda p: on_progress(p, loop.time() - began)
    ).run()
    refuse_leftovers(planned, pacer.nodes.failures)
    await lease.kept(api.delete_jobs(request.namespace, jobs.selector(request.suffix)))
    say(f"cleaned {report.nodes(len(pacer.nodes.within(Phase.DONE)))} in {report.duration(loop.time() - began)}")


def orders(request: CleanupRequest, planned: Plan) -> Orders:
    """Return what the pacer's commands mean for cleanups."""
    marks = {names.mark_annotation(request.suffix): None}
    return Orders(
        namespace=request.namespace,
        suffix=request.suffix,
        steps={step.node: step for step in planned.pending},
        stamp=JobStamp(
            template=request.job,
            stage="cleanup",
            suffix=request.suffix,
            digest=planned.digest,
            node_timeout_seconds=request.node_timeout_seconds,
        ),
        marks=lambda _step: marks,
    )


def refuse_leftovers(planned: Plan, failures: Sequence[Failure]) -> None:
    """Refuse to go on to the end of the installation while nodes carry it.

    Raises:
        RolloutFailedError: nodes failed, or are NotReady and were skipped.
    """
    problems = []
    if failures:
        problems.append(report.failure_text("cleaned", failures, failed=len(failures), remaining=0, stop_reason=""))
    dead = [step.node for step in planned.steps if step.action is Action.SKIPPED]
    if dead:
        shown = ", ".join(dead[: report.SHOWN_NODES])
        problems.append(
            f"not Ready, so still carrying the installation: {report.nodes(len(dead))} ({shown}). Bring them back, or "
            "remove them from the cluster (`kubectl delete node <name>`)."
        )
    if problems:
        msg = "\n".join([*problems, "Everything else is kept so that `pulumi destroy` can be run again."])
        raise RolloutFailedError(msg)
