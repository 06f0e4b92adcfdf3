"""Cleanup paced by upstream's dispatcher in the cluster (`rollout.runsIn: cluster`)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from kata_components.kubernetes.api import KubeApi
from kata_components.rollout import dispatch, jobs, report
from kata_components.rollout.digest import current, host_digests
from kata_components.rollout.phase import Phase, Progress
from kata_components.rollout.plan import cleanup_plan
from kata_components.runner import fleet
from kata_components.runner.cleanup import CleanupRequest, orders, refuse_leftovers
from kata_components.runner.dispatch import Dispatching, matched, settled
from kata_components.runner.fleet import Selection
from kata_components.runner.lease import HeldLease


async def clean(
    api: KubeApi,
    request: CleanupRequest,
    dispatcher_job: Mapping[str, Any],
    lease: HeldLease,
    *,
    say: Callable[[str], None],
    on_progress: Callable[[Progress, float], None],
) -> None:
    """Clean every node that has something of this installation, then remove all Jobs of it.

    `dispatcher_job` is as the contract has it. Can be run again after any interruption: a dispatcher that
    still cleans is followed.

    Raises:
        RolloutFailedError: some nodes could not be cleaned; what they need is still there, so it can be run again.
        RolloutStoppedError: the Lease was lost on the way, or the dispatcher cannot be started.
        ClusterError: the API server refuses for good to be asked.
    """
    digest = current(host_digests(request.job))
    work = Dispatching(
        api=api,
        lease=lease,
        namespace=request.namespace,
        suffix=request.suffix,
        stage="cleanup",
        digest=digest,
        job=dispatcher_job,
        say=say,
        on_progress=on_progress,
    )
    loop = asyncio.get_running_loop()
    began = loop.time()
    seen = await work.settle()
    now = await fleet.read(api, request.namespace, request.suffix, Selection())
    planned = cleanup_plan(now.nodes, now.jobs, request.suffix, digest)
    # What an interrupted destroy has cleaned and not recorded needs no Job.
    _, todo = settled(planned.pending, seen, "cleanup")
    own = [dispatch.selectors_of(dispatcher_job)] if todo else []
    runs = dispatch.batches([step.node for step in todo], await matched(api, own))
    pace = f", at most {request.parallelism} at a time" if planned.pending else ""
    say(f"cleanup: {report.counts(planned.counts)}{pace}")
    if runs:
        say(dispatch.summary(runs, len(planned.pending)).strip())
        seen = await work.run(runs)
    done, left = settled(planned.pending, seen, "cleanup")
    nodes = await work.record(done, orders(request, planned))
    refuse_leftovers(planned, [*nodes.failures, *await work.failures(left, seen)])
    await lease.kept(api.delete_jobs(request.namespace, jobs.selector(request.suffix)))
    await lease.kept(work.dispatcher.remove())
    say(f"cleaned {report.nodes(len(nodes.within(Phase.DONE)))} in {report.duration(loop.time() - began)}")
