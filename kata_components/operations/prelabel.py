"""Labels nodes ahead of an upgrade, before RuntimeClasses ask for the label (planning/prelabel)."""

from collections.abc import Sequence

from kata_components.errors import ClusterError, RolloutFailedError
from kata_components.kubernetes.api import CALLS_AT_ONCE, KubeApi
from kata_components.kubernetes.concurrency import run_bounded
from kata_components.operations import report
from kata_components.pacing.progress import Failure
from kata_components.planning import node_jobs
from kata_components.planning.node_change import NodeChange
from kata_components.planning.ownership import Owner
from kata_components.planning.prelabel import Prelabel, PrelabelRequest, prelabels
from kata_components.runners.marking import written
from kata_components.runners.progress import Reporter
from kata_components.runners.run import hold_run
from kata_components.wording import nodes


async def find(api: KubeApi, request: PrelabelRequest) -> list[Prelabel]:
    """Return the nodes that lack the label; reads only.

    Raises:
        ClusterError: the cluster could not be read.
    """
    found = await api.list_nodes(request.selector)
    if not found:
        return []
    listed = await api.list_jobs(request.namespace, node_jobs.selector(request.suffix))
    jobs = node_jobs.identified(map(node_jobs.observed, listed.items), found)
    return prelabels(found, jobs, request)


async def prelabel(
    api: KubeApi, request: PrelabelRequest, owner: Owner, reporter: Reporter
) -> None:
    """Label the nodes that lack the label, under the Lease. Can be run again at any time.

    Raises:
        GuardError: the installation is another's; nothing was written.
        LeaseHeldError: another run works on it; nothing was written.
        RolloutFailedError: some nodes could not be labelled.
        RolloutStoppedError: the Lease was lost on the way.
    """
    done: list[Prelabel] = []
    failed: list[tuple[Prelabel, ClusterError]] = []
    async with hold_run(api, request.namespace, request.suffix, owner, reporter) as run:

        async def label(one: Prelabel) -> None:
            try:
                change = NodeChange(labels={request.label: one.value})
                if await written(api, run.lease, one.step, change):
                    done.append(one)
            except ClusterError as error:
                failed.append((one, error))

        found = await find(api, request)
        await run_bounded(CALLS_AT_ONCE, map(label, found))
    if failed:
        raise RolloutFailedError(_failure(request, failed))
    reporter.message(f"labelled {nodes(len(done))} with {request.label}")


def _failure(request: PrelabelRequest, failed: Sequence[tuple[Prelabel, ClusterError]]) -> str:
    """Return the complete text: summary, a line per node, and what to type."""
    first, _ = failed[0]
    lines = [
        f"{nodes(len(failed))} could not be labelled with {request.label}. The RuntimeClasses of "
        f"{request.kata_version} ask for that label, so they were not changed, nor anything else",
        *report.failure_lines([Failure(one.step.node, str(error)) for one, error in failed]),
        "Remove what prevents it, or label the nodes yourself: "
        f"`kubectl label node {first.step.node} {request.label}={first.value}`. "
        "Then run `pulumi up` again.",
    ]
    return "\n".join(lines)
