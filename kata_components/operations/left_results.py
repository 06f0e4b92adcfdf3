"""Removes what became of Jobs from nodes on which no cleanup was: some fail before their Job."""

from kata_components import names
from kata_components.kubernetes.api import CALLS_AT_ONCE
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.retry import until_answered
from kata_components.operations.claim import Claim
from kata_components.planning import node_results
from kata_components.planning.step import Action, step_of
from kata_components.runners.marking import written
from kata_components.runners.run import Run


async def remove(run: Run, claim: Claim | None) -> None:
    """Remove them from the claimed nodes that no other installation has marked.

    Raises:
        ClusterError: the API server refuses for good.
    """
    reported = await until_answered(lambda: run.api.list_nodes(names.RESULT_LABEL))
    if not reported or claim is None:
        return
    claimed = await until_answered(lambda: claim.nodes(run.api))

    async def clear(node: Node) -> None:
        step = step_of(node, Action.CLEANUP, "", None)
        await written(run.api, run.lease, step, node_results.removed)

    ours = [
        node
        for node in reported
        if node.metadata.name in claimed
        and not any(map(names.is_mark_annotation, node.metadata.annotations or {}))
    ]
    await run_bounded(CALLS_AT_ONCE, map(clear, ours))
