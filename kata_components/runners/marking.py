"""Writes marks and labels on nodes, and repeats that while it may still succeed.

This module is given nothing of a cluster but its nodes, so it can neither create nor remove a Job.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kata_components.errors import ApiError, ClusterError, UnreachableError
from kata_components.kubernetes.api import CALLS_AT_ONCE, NodeApi
from kata_components.kubernetes.backoff import Attempts, retry_after_seconds
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.retry import RetryWindow
from kata_components.pacing.progress import Failure
from kata_components.planning.node_work import Changes, NodeWork
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.lease import HeldLease

_CALL_SECONDS: Final = 10.0


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The nodes that were marked, and those that could not be.

    Neither names nodes that have left the cluster.
    """

    done: list[str]
    failures: list[Failure]


async def record(
    api: NodeApi,
    lease: HeldLease,
    steps: Sequence[Step],
    work: NodeWork,
) -> Recorded:
    """Write on each step's machine that its work is done; the caller keeps the Lease.

    Raises:
        ClusterError: the API server refuses for good.
    """
    done: list[str] = []
    failures: list[Failure] = []

    async def mark(step: Step) -> None:
        try:
            annotations = work.done_annotations(step, timestamp())
            if await written(api, lease, step, annotations, work.done_labels(step)):
                done.append(step.node)
        except ApiError as error:
            if error.unauthenticated:
                raise
            failures.append(Failure(step.node, f"its mark could not be written: {error}"))

    await run_bounded(CALLS_AT_ONCE, map(mark, steps))
    return Recorded(done=done, failures=failures)


async def written(
    api: NodeApi, lease: HeldLease, step: Step, annotations: Changes, labels: Changes | None = None
) -> bool:
    """Write annotations and labels on the step's machine; return False if it is gone or replaced.

    The Lease is fresh for every attempt, so what keeps failing is not an outage.

    Raises:
        ClusterError: the API server refuses it, or refuses everything for good.
    """
    attempts, window = Attempts(), RetryWindow()
    while True:
        try:
            await lease.when_fresh(_patched(api, lease, step, annotations, labels))
        except ClusterError as error:
            refusal = error if isinstance(error, ApiError) else None
            if refusal and refusal.not_found:
                return False
            if refusal and refusal.conflict:
                if not await is_still_there(api, step):
                    return False
            elif not window.allows(error):
                raise
            pause = attempts.next_delay(answered=True)
            if pause is None:
                raise
            await asyncio.sleep(
                max(pause, retry_after_seconds(refusal.retry_after if refusal else None))
            )
        else:
            return True


async def is_still_there(api: NodeApi, step: Step) -> bool:
    """Return whether a conflict was only about a busy object: the node is still the planned one."""
    try:
        node = await api.get_node(step.node)
    except ClusterError as error:
        return not (isinstance(error, ApiError) and error.not_found)
    return node.metadata.uid == step.node_uid


async def _patched(
    api: NodeApi, lease: HeldLease, step: Step, annotations: Changes, labels: Changes | None
) -> None:
    try:
        # What writes must land while the Lease is surely ours.
        async with asyncio.timeout(max(0.0, min(_CALL_SECONDS, lease.remaining))):
            await api.patch_node(step.node, step.node_uid, annotations=annotations, labels=labels)
    except TimeoutError:
        lease.unanswered()
        raise UnreachableError(f"no answer to the PATCH of node {step.node}") from None
    except (UnreachableError, asyncio.CancelledError):
        lease.unanswered()
        raise
