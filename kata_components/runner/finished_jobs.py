"""Removes per-node Jobs that have done their work: never on a stale Lease, and a few at a time.

Failing is no failure of the run: what is left is seen by the next one.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable, Iterator

from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from kata_components.rollout import jobs
from kata_components.rollout.jobs import NodeJob, Stage
from kata_components.runner.at_once import at_once
from kata_components.runner.lease import HeldLease


async def delete_job(api: KubeApi, namespace: str, job: NodeJob) -> None:
    """Delete that very Job, if it is still there."""
    try:
        await api.delete_job(namespace, job.name, job.uid)
    except ApiError as error:
        if not error.not_found:
            raise


async def delete_jobs(api: KubeApi, namespace: str, lease: HeldLease, doomed: Iterable[NodeJob]) -> None:
    """Delete those very Jobs; the caller keeps the Lease."""
    await at_once(CALLS_AT_ONCE, (lease.when_fresh(delete_job(api, namespace, job)) for job in doomed))


@contextlib.contextmanager
def leaving_what_cannot_be_removed(say: Callable[[str], None]) -> Iterator[None]:
    """Tell that removing Jobs has failed, and go on."""
    try:
        yield
    except ClusterError as error:
        say(f"finished Jobs could not be removed, the next run does it: {error}")


async def drop_jobs(
    api: KubeApi,
    namespace: str,
    suffix: str,
    nodes: Collection[str],
    lease: HeldLease,
    say: Callable[[str], None],
    *stages: Stage,
) -> None:
    """Remove the finished Jobs of nodes that were cleaned, of all stages when none is named: nothing is to explain."""
    cleaned = set(nodes)
    with leaving_what_cannot_be_removed(say):
        found = map(jobs.observed, (await api.list_jobs(namespace, jobs.selector(suffix, *stages))).items)
        await delete_jobs(api, namespace, lease, (job for job in found if job.node in cleaned and not job.active))
