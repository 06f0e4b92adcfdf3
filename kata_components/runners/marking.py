"""Writes marks and labels on nodes, and repeats that while it may still succeed.

This module is given nothing of a cluster but its nodes, so it can neither create nor remove a Job.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from kata_components.errors import ApiError, ClusterError, UnreachableError
from kata_components.kubernetes.api import CALLS_AT_ONCE, NodeApi
from kata_components.kubernetes.backoff import Attempts, retry_after_seconds
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import Metadata
from kata_components.kubernetes.retry import RetryWindow
from kata_components.pacing.progress import Failure
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_work import NodeWork
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.lease import HeldLease

Judged = Callable[[Metadata], NodeChange]
"""A change that depends on what is on the node."""


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
            if await written(api, lease, step, done_change(work, step)):
                done.append(step.node)
        except ApiError as error:
            if error.unauthenticated:
                raise
            failures.append(Failure(step.node, f"its mark could not be written: {error}"))

    await run_bounded(CALLS_AT_ONCE, map(mark, steps))
    return Recorded(done=done, failures=failures)


def done_change(work: NodeWork, step: Step) -> NodeChange | Judged:
    """Return what is written once the work on a node is done."""
    if work.reads_before_done:
        return lambda seen: work.done(step, seen, timestamp())
    return work.done(step, None, timestamp())


async def patch(api: NodeApi, step: Step, change: NodeChange | Judged) -> Node:
    """Write a change to the step's machine; a judged one only to the version it was made for.

    Returns the node as it is then. A judgement that nothing is to be written costs no request.

    Raises:
        ClusterError: it was not written.
    """
    version = ""
    if not isinstance(change, NodeChange):
        node = await api.get_node(step.node)
        change, version = change(node.metadata), node.metadata.resource_version
        if not (change.annotations or change.labels):
            return node
    return await api.patch_node(
        step.node,
        step.node_uid,
        annotations=change.annotations,
        labels=change.labels,
        resource_version=version,
    )


async def written(api: NodeApi, lease: HeldLease, step: Step, change: NodeChange | Judged) -> bool:
    """Write a change to the step's machine; return False if that is gone or replaced.

    The Lease is fresh for every attempt, so what keeps failing is not an outage.

    Raises:
        ClusterError: the API server refuses it, or refuses everything for good.
    """
    attempts, window = Attempts(), RetryWindow()
    while True:
        try:
            await lease.when_fresh(_patched(api, lease, step, change))
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


async def _patched(api: NodeApi, lease: HeldLease, step: Step, change: NodeChange | Judged) -> None:
    try:
        async with lease.writing():
            await patch(api, step, change)
    except TimeoutError:
        lease.unanswered()
        raise UnreachableError(f"no answer to the PATCH of node {step.node}") from None
    except (UnreachableError, asyncio.CancelledError):
        lease.unanswered()
        raise
