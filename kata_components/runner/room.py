"""Makes room for Jobs where a ResourceQuota leaves none: it counts finished ones, too."""

import contextlib
from typing import Final

from kata_components.errors import ClusterError
from kata_components.kubernetes.api import KubeApi
from kata_components.rollout.jobs import JobState
from kata_components.rollout.pacer import Pacer
from kata_components.rollout.phase import Phase
from kata_components.runner.finished_jobs import delete_jobs
from kata_components.runner.lease import HeldLease

ROOM_SECONDS: Final = 5.0
"""Between two tries to create a Job where a quota leaves no room: that of others may change any time."""


async def make_room(api: KubeApi, namespace: str, lease: HeldLease, pacer: Pacer) -> None:
    """Remove the Jobs that have succeeded on nodes whose marks tell the same; failing is no news.

    Failed ones stay for diagnosis, and those of other nodes are all the trace there is.
    """
    done = set(pacer.nodes.within(Phase.DONE))
    idle = [job for job in pacer.jobs.all if job.node in done and job.state is JobState.SUCCEEDED]
    with contextlib.suppress(ClusterError):
        await delete_jobs(api, namespace, lease, idle)
