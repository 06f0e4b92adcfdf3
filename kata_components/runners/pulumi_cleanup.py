"""Cleanup: takes an installation off nodes, paced."""

import asyncio
from dataclasses import dataclass
from typing import Final

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.nodes import Node
from kata_components.pacing.failure_budget import Budget
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.progress import Failure, Progress
from kata_components.planning import node_mark
from kata_components.planning.node_jobs import JobStamp
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.executor import Executor
from kata_components.runners.lease import HeldLease
from kata_components.runners.orders import Orders
from kata_components.runners.progress import OnProgress, Say


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """The end of a paced cleanup."""

    nodes: list[str]
    failures: list[Failure]
    skipped: list[Failure]


NONE_CLEANED: Final = Cleaned(nodes=[], failures=[], skipped=[])


async def pace(
    api: KubeApi,
    request: CleanupRequest,
    planned: Plan,
    lease: HeldLease,
    say: Say,
    on_progress: OnProgress,
) -> Cleaned:
    """Carry out a cleanup plan; return when every node of it is settled.

    Raises:
        RolloutStoppedError: the Lease was lost on the way.
        ClusterError: the API server refuses for good to be asked.
    """
    pacer = Pacer(
        planned.pending,
        kind="cleanup",
        digest=planned.digest,
        parallelism=request.parallelism,
        budget=Budget(),
        node_timeout_seconds=request.node_timeout_seconds,
    )
    loop = asyncio.get_running_loop()
    began = loop.time()

    def show(progress: Progress) -> None:
        on_progress("cleanup", progress, loop.time() - began)

    await Executor(api, pacer, orders(request, planned), lease, say=say, on_progress=show).run()
    return Cleaned(
        nodes=pacer.nodes.within(Phase.DONE),
        failures=pacer.nodes.failures,
        skipped=pacer.nodes.skipped,
    )


def no_marks(request: CleanupRequest) -> dict[str, None]:
    """Return what takes the mark off a node."""
    return {names.mark_annotation(request.suffix): None}


def _doubt(step: Step, request: CleanupRequest) -> dict[str, str]:
    """Return the mark of a node on which nothing is whole any more."""
    made = node_mark.Mark(
        kata_version="",
        digest="",
        node_uid=step.node_uid,
        machine_id=step.machine_id,
        time=timestamp(),
        namespace=request.namespace,
    )
    return {names.mark_annotation(request.suffix): node_mark.render(made)}


def _is_whole(node: Node, request: CleanupRequest) -> bool:
    """Whether the mark of a node says that something is whole there."""
    found = node_mark.parse(node.metadata.annotation(names.mark_annotation(request.suffix)))
    return found is not None and bool(found.digest)


def orders(request: CleanupRequest, planned: Plan) -> Orders:
    """Return what the pacer's commands mean for cleanups."""
    marks = no_marks(request)
    return Orders(
        namespace=request.namespace,
        suffix=request.suffix,
        steps={step.node: step for step in planned.pending},
        stamp=JobStamp(
            template=request.job,
            kind="cleanup",
            suffix=request.suffix,
            digest=planned.digest,
            node_timeout_seconds=request.node_timeout_seconds,
        ),
        marks=lambda _step: marks,
        traces=lambda step: _doubt(step, request) if step.failed_before else {},
        # Once the Job has taken Kata off, only it would tell: whoever removes it must not leave a
        # whole mark behind.
        beginnings=lambda step, node: _doubt(step, request) if _is_whole(node, request) else {},
        failures=lambda step: _doubt(step, request),
        # The cleanup of 4.0.0 takes it off, whoever else needs it.
        labels=lambda step: {names.RUNTIME_LABEL: "true"} if step.keeps_label else {},
        objection=lambda _step, node: request.objection(node),
    )
