"""Lifts startup taints from nodes that serve Kata: the last step behind a Job, best effort."""

from collections.abc import Collection, Sequence

from kata_components.errors import ApiError, ClusterError
from kata_components.kubernetes.api import CALLS_AT_ONCE, NodeApi
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.nodes import Node
from kata_components.pacing.progress import Failure
from kata_components.planning.node_mark import Machine
from kata_components.planning.step import Step
from kata_components.planning.taints import startup_taints
from kata_components.runners.lease import HeldLease


async def lift(api: NodeApi, step: Step, node: Node, matchers: Collection[str]) -> Node:
    """Lift the startup taints that a node, just read, carries; return the node as it is then.

    Raises:
        ClusterError: the write failed; with a conflict if anything about the node has changed,
            since others change its taints as well.
    """
    lifted = startup_taints(node, matchers)
    if not lifted:
        return node
    return await api.patch_node(
        step.node,
        step.node_uid,
        taints=[taint for taint in node.taints if taint not in lifted],
        resource_version=node.metadata.resource_version,
    )


async def lift_all(
    api: NodeApi, lease: HeldLease, steps: Sequence[Step], matchers: Collection[str]
) -> list[Failure]:
    """Try once to lift the startup taints of nodes that are done; return those that keep them.

    The next run tries again.

    Raises:
        ApiError: the credentials are not accepted any more.
    """
    kept: list[Failure] = []

    async def lift_one(step: Step) -> None:
        try:
            node = await api.get_node(step.node)
            if Machine.of(node) == step.machine:
                await lease.when_fresh(lift(api, step, node, matchers))
        except ClusterError as error:
            if isinstance(error, ApiError) and error.unauthenticated:
                raise
            if not (isinstance(error, ApiError) and error.not_found):
                kept.append(Failure(step.node, str(error)))

    await run_bounded(CALLS_AT_ONCE, map(lift_one, steps if matchers else ()))
    return kept
