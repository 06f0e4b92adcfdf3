"""Bugs to plant: each disables one safeguard of the product.

A simulation that does not find them proves nothing.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from unittest import mock
from weakref import WeakKeyDictionary, WeakSet

from msgspec import structs

from kata_components.errors import ClusterError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.objects import JobList, Lease
from kata_components.operations import cleanup, fleet, preview
from kata_components.operations.cleanup import Cleanup
from kata_components.pacing.commands import CommandStatus, CreateJob, NodeCommand, Result, WriteMark
from kata_components.pacing.job_tracker import JobTracker
from kata_components.pacing.pacer import Pacer
from kata_components.planning import node_jobs
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.node_state import NodeState
from kata_components.planning.node_work import CleanupWork, NodeWork
from kata_components.planning.plan import Plan, plan
from kata_components.planning.step import Action, Step
from kata_components.runners import lease, pulumi
from kata_components.runners.claims import Claims
from kata_components.runners.creating import Creator
from kata_components.runners.executor import Executor
from kata_components.runners.lease import HeldLease
from kata_components.runners.marking import done_change, patch
from kata_components.runners.pulumi import PulumiRunner
from kata_components.runners.run import Run
from kata_components.runners.runner import Cleaned
from kata_components.runners.traces import Traces
from tests.simulation.network import NetworkApi
from tests.simulation.planting import Patch, around, bug
from tests.simulation.processes import CURRENT

# The planner.


@bug(job_fails=0.5, node_broken=0.9)
def failures_of_nodes_that_are_down_do_not_count() -> Patch:
    def planned(*arguments: Any, **keywords: Any) -> Plan:
        found = plan(*arguments, **keywords)
        steps = (
            replace(s, failed_before=s.failed_before and s.action is not Action.SKIPPED)
            for s in found.steps
        )
        return replace(found, steps=tuple(steps))

    return mock.patch.object(preview, "plan", planned)


@bug(node_reimaged=0.4, node_deleted=0.0, node_replaced=0.0)
def job_of_a_reinstalled_machine_is_believed() -> Patch:
    def is_ours(original: Any, seen: JobTracker, job: NodeJob, step: Step) -> bool:
        return bool(original(seen, replace(job, machine_id=step.machine_id), step))

    patches = contextlib.ExitStack()
    patches.enter_context(
        mock.patch.object(NodeJob, "is_of", lambda job, node: job.node_uid == node.metadata.uid)
    )
    patches.enter_context(around(JobTracker, "is_ours", is_ours))
    return patches


@bug(other_digest=0.9, killed=0.8, token_free=1.0, slow=0.3)
def mark_is_believed_whatever_has_worked_since() -> Patch:
    return mock.patch.object(NodeState, "has_worked_since", False)


@bug(destroys=0.5, killed=0.9)
def begun_cleanup_is_not_seen() -> Patch:
    """Neither by its Job nor by the trace that is written before: either alone is enough."""

    patches = contextlib.ExitStack()
    patches.enter_context(mock.patch.object(NodeState, "is_undone", False))
    patches.enter_context(mock.patch.object(CleanupWork, "begun", return_value=None))
    return patches


@bug(destroys=0.5, job_fails=0.5)
def only_marked_nodes_are_cleaned() -> Patch:
    def of_marked(
        original: Any, nodes: Any, known: Iterable[NodeJob], *rest: Any, **keywords: Any
    ) -> Plan:
        return original(nodes, [job for job in known if job.kind == "cleanup"], *rest, **keywords)  # type: ignore[no-any-return] # as the original

    return around(cleanup, "cleanup_plan", of_marked)


# Executor and runs.


async def write_mark(run: Run, work: NodeWork, step: Step) -> None:
    await patch(run.api, step, done_change(work, step))


@bug()
def mark_is_written_with_the_job() -> Patch:
    made = WeakKeyDictionary[Creator, tuple[Run, NodeWork]]()

    def init(original: Any, creator: Creator, run: Run, work: NodeWork, claims: Claims) -> None:
        made[creator] = run, work
        original(creator, run, work, claims)

    async def create(original: Any, creator: Creator, command: CreateJob) -> Result:
        result: Result = await original(creator, command)
        await write_mark(*made[creator], command.step)
        return result

    patches = contextlib.ExitStack()
    patches.enter_context(around(Creator, "__init__", init))
    patches.enter_context(around(Creator, "create", create))
    return patches


@bug(killed_by_write=0.4, killed=0.0, other_digest=1.0, job_fails=0.5, destroys=0.4)
def no_trace_is_left_before_a_job_is_replaced() -> Patch:
    async def untraced(*_: object) -> None:
        return None

    return mock.patch.object(Traces, "before_removal", untraced)


@bug(sleeps=0.9, other_digest=0.7, company=0.9, destroys=0.1, killed=0.0)
def mark_is_written_without_a_fresh_lease() -> Patch:
    """When the executor refuses to write it now, it is written all the same."""
    made = WeakKeyDictionary[Pacer, tuple[Run, NodeWork]]()
    writes: set[asyncio.Task[None]] = set()

    def init(original: Any, executor: Executor, run: Run, pacer: Pacer, work: NodeWork) -> None:
        made[pacer] = run, work
        original(executor, run, pacer, work)

    async def write(pacer: Pacer, step: Step) -> None:
        with contextlib.suppress(ClusterError):
            await write_mark(*made[pacer], step)

    def on_result(
        original: Any, pacer: Pacer, now: float, command: NodeCommand, result: Result
    ) -> None:
        if isinstance(command, WriteMark) and result.code is CommandStatus.UNKNOWN:
            task = asyncio.get_running_loop().create_task(write(pacer, command.step))
            writes.add(task)
            task.add_done_callback(writes.discard)
        original(pacer, now, command, result)

    patches = contextlib.ExitStack()
    patches.enter_context(around(Executor, "__init__", init))
    patches.enter_context(around(Pacer, "on_result", on_result))
    return patches


@bug()
def lists_may_be_stale() -> Patch:
    kept: dict[Any, JobList] = {}

    async def list_jobs(original: Any, api: NetworkApi, namespace: str, selector: str) -> JobList:
        found: JobList = await original(api, namespace, selector)
        answer = kept.get(api.world, found) if api.world.rng.random() < 0.3 else found
        kept.clear()
        kept[api.world] = found
        return answer

    return around(NetworkApi, "list_jobs", list_jobs)


@bug(node_replaced=0.3)
def unmarked_nodes_lose_their_jobs_at_the_end() -> Patch:
    async def remove(_: Any, run: Run, *__: Any) -> None:
        selector = node_jobs.selector(run.suffix, "install")
        await run.api.delete_jobs(run.namespace, selector, "status.successful=1")

    return around(pulumi, "remove_finished_jobs", remove)


@bug(killed=0.9)
def jobs_are_removed_by_the_run_that_made_them_or_never() -> Patch:
    return mock.patch.object(Plan, "leftover", 0)


@bug(destroys=0.7, job_fails=0.5)
def destroy_ignores_nodes_that_could_not_be_cleaned() -> Patch:
    """It keeps quiet about failed nodes, and gives up NotReady ones that nobody has named."""

    def init(original: Any, made: Cleanup, *, run: Run, abandoned: Any, **others: Any) -> None:
        del abandoned
        assert isinstance(run.api, NetworkApi)
        original(made, run=run, abandoned=frozenset(run.api.cluster.nodes), **others)

    async def clean(original: Any, *arguments: Any) -> Cleaned:
        cleaned: Cleaned = await original(*arguments)
        return replace(cleaned, failures=[], skipped=[])

    patches = contextlib.ExitStack()
    patches.enter_context(around(Cleanup, "__init__", init))
    patches.enter_context(around(PulumiRunner, "clean", clean))
    return patches


@bug(destroys=0.5, lease_deleted=0.9)
def destroy_without_a_lease_looks_at_nothing() -> Patch:
    return mock.patch.object(fleet, "touched_nodes", return_value=set())


# The Lease.


@bug(sleeps=0.9, company=0.9)
def lease_counts_as_fresh_forever() -> Patch:
    return mock.patch.object(HeldLease, "remaining", property(lambda _: 15.0))


@bug(
    sleeps=1.0,
    company=1.0,
    survives_sleep=1.0,
    slow=0.6,
    killed=0.0,
    interrupted=0.0,
    destroys=0.0,
    job_fails=0.0,
    lease_deleted=0.0,
    outage=0.0,
    denied=0.0,
    lost_request=0.0,
    lost_answer=0.0,
    server_error=0.0,
    throttled=0.0,
    silent=0.0,
)
def what_waits_for_a_connection_is_sent_after_a_sleep() -> Patch:
    return mock.patch.object(NetworkApi, "writing_while", return_value=contextlib.nullcontext())


@bug(company=0.9)
def lease_of_another_run_is_taken_at_once() -> Patch:
    async def taken(api: KubeApi, namespace: str, name: str, _: Any) -> Lease:
        return await api.get_lease(namespace, name)

    return mock.patch.object(lease, "when_free", taken)


@bug(sleeps=0.9, company=0.9)
def lease_taken_by_another_is_taken_back() -> Patch:
    """A run that has held it takes every other holder for itself."""
    holders = WeakSet[KubeApi]()

    def init(original: Any, held: HeldLease, *, api: KubeApi, **others: Any) -> None:
        holders.add(api)
        original(held, api=api, **others)

    async def get_lease(original: Any, api: NetworkApi, namespace: str, name: str) -> Lease:
        found: Lease = await original(api, namespace, name)
        if api not in holders or found.spec is None:
            return found
        own = structs.replace(found.spec, holder_identity=CURRENT.get().name)
        return structs.replace(found, spec=own)

    patches = contextlib.ExitStack()
    patches.enter_context(around(HeldLease, "__init__", init))
    patches.enter_context(around(NetworkApi, "get_lease", get_lease))
    return patches
