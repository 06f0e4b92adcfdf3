"""Removes per-node Jobs that have done their work: never on a stale Lease, and a few at a time.

Except at the end of an installation, failing here does not fail the run: the next one sees what is
left.
"""

import contextlib
from collections.abc import Collection, Iterable, Iterator, Sequence, Set

from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.retry import until_answered
from kata_components.planning import node_jobs
from kata_components.planning.node_jobs import JobKind, JobState, NodeJob
from kata_components.planning.plan import Plan
from kata_components.planning.step import Action
from kata_components.runners.progress import Reporter
from kata_components.runners.run import Run


async def delete_job(api: KubeApi, namespace: str, job: NodeJob) -> None:
    """Delete that very Job, if it is still there."""
    try:
        await api.delete_job(namespace, job.name, job.uid)
    except ApiError as error:
        if not error.not_found:
            raise


async def delete_jobs(run: Run, doomed: Iterable[NodeJob]) -> None:
    """Delete those very Jobs, less those that still run."""
    finished = (job for job in doomed if not job.active)
    await run_bounded(
        CALLS_AT_ONCE,
        (run.lease.when_fresh(delete_job(run.api, run.namespace, job)) for job in finished),
    )


async def delete_all(run: Run) -> None:
    """Delete all per-node Jobs of an installation.

    One request may take longer than an API server allows, and the next continues from there.

    Raises:
        ClusterError: the API server goes on refusing it.
    """
    every = node_jobs.selector(run.suffix)
    await until_answered(lambda: run.lease.when_fresh(run.api.delete_jobs(run.namespace, every)))


@contextlib.contextmanager
def leaving_what_cannot_be_removed(reporter: Reporter) -> Iterator[None]:
    """Report that removing Jobs has failed, and go on."""
    try:
        yield
    except ClusterError as error:
        reporter.message(f"finished Jobs could not be removed, the next run does it: {error}")


async def remove_succeeded(
    run: Run, kind: JobKind, found: Iterable[NodeJob], done: Set[str]
) -> None:
    """Remove the succeeded Jobs of a kind from the nodes that are `done`, usually in one request.

    `found` are the Jobs there are. Failed ones stay for diagnosis, and those of other nodes because
    they are the only trace.
    """
    of_kind = [job for job in found if job.kind == kind]
    finished = [job for job in of_kind if job.state is JobState.SUCCEEDED and job.node in done]
    # One that still runs may succeed before the request below: then its node must keep it.
    alone = all(job.node in done or job.state is JobState.FAILED for job in of_kind)
    if finished and alone:
        selector = node_jobs.selector(run.suffix, kind)
        await run.lease.when_fresh(
            run.api.delete_jobs(run.namespace, selector, field_selector="status.successful=1")
        )
    else:
        await delete_jobs(run, finished)


async def remove_finished_jobs(
    run: Run, planned: Plan, done: Collection[str], known: Sequence[NodeJob] | None = None
) -> None:
    """Remove the succeeded Jobs of marked nodes, and the cleanup Jobs of nodes that are clean.

    `done` are nodes that were marked since they were planned. `known` are the Jobs there are; None
    lists them.
    """
    marked = {*done, *(s.node for s in planned.steps if s.action is Action.UP_TO_DATE)}
    with leaving_what_cannot_be_removed(run.reporter):
        if known is None:
            listed = await run.api.list_jobs(run.namespace, node_jobs.selector(run.suffix))
            known = [node_jobs.observed(job) for job in listed.items]
        await remove_succeeded(run, "install", known, marked)
        await remove_succeeded(run, "cleanup", known, marked | planned.cleaned)


async def drop_jobs(run: Run, nodes: Collection[str], *kinds: JobKind) -> None:
    """Remove the finished Jobs of nodes that were cleaned; without `kinds`, those of all kinds."""
    cleaned = set(nodes)
    with leaving_what_cannot_be_removed(run.reporter):
        listed = await run.api.list_jobs(run.namespace, node_jobs.selector(run.suffix, *kinds))
        found = [job for job in map(node_jobs.observed, listed.items) if job.node in cleaned]
        for kind in node_jobs.JOB_KINDS:
            await delete_jobs(run, [job for job in found if job.kind == kind])
