"""Cleanup paced by upstream's dispatcher in the cluster (`rollout.runsIn: cluster`)."""

from kata_components.planning import dispatcher_args
from kata_components.planning.node_work import CleanupWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest
from kata_components.runners.cluster import Dispatching, matched, settled
from kata_components.runners.marking import record
from kata_components.runners.pulumi_cleanup import Cleaned
from kata_components.runners.run import Run


async def pace(run: Run, request: CleanupRequest, planned: Plan) -> Cleaned:
    """Carry out a cleanup plan through the dispatcher; return when every node of it is settled.

    A dispatcher that an interrupted run has left at work is followed before.

    Raises:
        RolloutStoppedError: the Lease was lost on the way, or the dispatcher cannot be started.
        ClusterError: the API server refuses for good to be asked.
    """
    assert request.dispatcher_job is not None, "whoever asks for the dispatcher has its Job"
    work = Dispatching(
        run=run,
        kind="cleanup",
        digest=planned.digest,
        job=request.dispatcher_job,
        template=dispatcher_args.node_template(request.job, request.node_timeout_seconds, {}),
    )
    wanted = CleanupWork(request)
    seen = await work.settle()
    # What an interrupted run has cleaned and not recorded needs no Job.
    _, todo = settled(planned.pending, seen, "cleanup", planned.digest)
    own = [dispatcher_args.selectors_of(request.dispatcher_job)] if todo else []
    runs = dispatcher_args.batches([step.node for step in todo], await matched(run.api, own))
    await work.leave_traces(
        [step for step in todo if step.stale_job], wanted.superseded_annotations
    )
    seen = await work.work_off(runs) if runs else seen
    labelled = (
        await work.labelled()
        if dispatcher_args.releases_labels(request.dispatcher_job)
        else frozenset()
    )
    done, left = settled(planned.pending, seen, "cleanup", planned.digest, unfinished=labelled)
    recorded = await record(run.api, run.lease, done, wanted)
    await work.note_failures(left, seen, wanted.failed_annotations)
    failures = [*recorded.failures, *await work.failures(left, seen)]
    return Cleaned(nodes=recorded.done, failures=failures, skipped=[])
