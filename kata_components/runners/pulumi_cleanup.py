"""Cleanup: takes an installation off nodes, paced."""

from dataclasses import dataclass
from typing import Final

from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.progress import Failure
from kata_components.planning.node_work import CleanupWork
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest
from kata_components.runners.executor import Executor
from kata_components.runners.run import Run


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """The end of a paced cleanup."""

    nodes: list[str]
    failures: list[Failure]
    skipped: list[Failure]


NONE_CLEANED: Final = Cleaned(nodes=[], failures=[], skipped=[])


async def pace(run: Run, request: CleanupRequest, planned: Plan) -> Cleaned:
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
        budget=FailureBudget(),
        node_timeout_seconds=request.node_timeout_seconds,
    )
    await Executor(run, pacer, CleanupWork(request)).run()
    return Cleaned(
        nodes=pacer.nodes.within(Phase.DONE),
        failures=pacer.nodes.failures,
        skipped=pacer.nodes.skipped,
    )
