"""Bugs to plant: each takes away one safeguard of the product.

A simulation that does not find them proves nothing.
"""

import asyncio
import contextlib
from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from unittest import mock

from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import JobList, Lease
from kata_components.operations import cleanup, preview, uninstall
from kata_components.operations.cleanup import Cleanup
from kata_components.pacing.commands import CommandStatus, CreateJob, Result, WriteMark
from kata_components.pacing.job_tracker import JobTracker
from kata_components.planning import node_jobs
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.node_state import NodeState
from kata_components.planning.plan import Plan, plan
from kata_components.planning.step import Action, Step
from kata_components.runners import lease, pulumi
from kata_components.runners.clock import timestamp
from kata_components.runners.executor import Executor
from kata_components.runners.lease import HeldLease
from kata_components.runners.run import Run
from kata_components.runners.traces import Traces
from tests.simulation.network import NetworkApi
from tests.simulation.planting import Patch, around, bug

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


@bug(other_digest=0.7, job_fails=0.5)
def mark_is_believed_whatever_has_worked_since() -> Patch:
    return mock.patch.object(NodeState, "has_worked_since", False)


@bug(destroys=0.5, killed=0.9)
def begun_cleanup_is_not_seen() -> Patch:
    """Neither by its Job nor by the trace that stands before it: either alone is enough."""

    async def leave_none(_: Traces, step: Step, node: Node) -> None:
        del step, node

    patches = contextlib.ExitStack()
    patches.enter_context(mock.patch.object(NodeState, "is_undone", False))
    patches.enter_context(mock.patch.object(Traces, "before_job", leave_none))
    return patches


@bug(destroys=0.5, job_fails=0.5)
def only_marked_nodes_are_cleaned() -> Patch:
    def of_marked(
        original: Any, nodes: Any, known: Iterable[NodeJob], *rest: Any, **keywords: Any
    ) -> Plan:
        return original(nodes, [job for job in known if job.kind == "cleanup"], *rest, **keywords)  # type: ignore[no-any-return] # as the original

    return around(cleanup, "cleanup_plan", of_marked)


# Executor and runs.


async def write_mark(made: Executor, step: Step) -> None:
    mark = made._work.done_annotations(step, timestamp())
    await made._api.annotate_node(step.node, step.node_uid, mark)


@bug()
def mark_is_written_with_the_job() -> Patch:
    async def send(original: Any, made: Executor, command: Any) -> Result:
        result: Result = await original(made, command)
        if isinstance(command, CreateJob):
            await write_mark(made, command.step)
        return result

    return around(Executor, "_send", send)


@bug(killed_by_write=0.2, killed=0.0, other_digest=0.7, job_fails=0.5, destroys=0.4)
def no_trace_is_left_before_a_job_is_replaced() -> Patch:
    async def untraced(*_: object) -> None:
        return None

    return mock.patch.object(Traces, "before_removal", untraced)


@bug(sleeps=0.9, other_digest=0.7, company=0.9, destroys=0.1, killed=0.0)
def mark_is_written_without_a_fresh_lease() -> Patch:
    async def send(original: Any, made: Executor, command: Any) -> Result:
        if isinstance(command, WriteMark):
            await write_mark(made, command.step)
            return Result(code=CommandStatus.DONE)
        result: Result = await original(made, command)
        return result

    return around(Executor, "_send", send)


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
    return mock.patch.object(cleanup, "_refuse_leftovers")


@bug(destroys=0.5, lease_deleted=0.9)
def destroy_without_a_lease_looks_at_nothing() -> Patch:
    async def accept(*_: Any) -> None:
        await asyncio.sleep(0)

    return mock.patch.object(uninstall, "_refuse_without_lease", accept)


@bug(destroys=0.9, job_fails=0.5, node_not_ready=0.3)
def cleaned_nodes_are_planned_again_while_a_dead_one_is_waited_for() -> Patch:
    async def plan_all(original: Any, made: Cleanup, _done: Any = ()) -> Plan:
        found: Plan = await original(made)
        return found

    async def keep(*_: Any) -> None:
        await asyncio.sleep(0)

    patches = contextlib.ExitStack()
    patches.enter_context(around(Cleanup, "_plan", plan_all))
    patches.enter_context(mock.patch.object(cleanup, "drop_jobs", keep))
    return patches


# The Lease.


@bug(sleeps=0.9, company=0.9)
def lease_counts_as_fresh_for_ever() -> Patch:
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
    async def check(held: HeldLease) -> None:
        held.lease = await held.api.get_lease(held.namespace, held.name)

    return mock.patch.object(HeldLease, "_check_holder", check)
