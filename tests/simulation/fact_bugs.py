"""Bugs to plant where a run must look again before it acts, as those in `bugs`."""

import contextlib
from typing import Any
from unittest import mock

from kata_components.errors import ApiError
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.pods import Pod
from kata_components.operations import install
from kata_components.pacing.commands import CommandStatus, CreateJob, Result
from kata_components.pacing.job_tracker import JobTracker
from kata_components.planning import job_stamp, node_labels
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.node_work import CleanupWork, InstallWork
from kata_components.runners import executor
from kata_components.runners.creating import Creator
from kata_components.runners.standstill import Standstill
from kata_components.runners.traces import Traces
from tests.simulation.planting import Patch, around, bug

# Nodes.


@bug(deselected=0.4, churn=0.9, node_not_ready=0.0)
def nodes_are_installed_though_deselected_since_the_plan() -> Patch:
    return mock.patch.object(InstallWork, "objection", _if_not_ready)


def _if_not_ready(_: InstallWork, node: Node) -> str:
    return "" if node.ready else "NotReady"


@bug(node_not_ready=0.4, churn=0.9, deselected=0.0)
def nodes_are_installed_though_not_ready_since_the_plan() -> Patch:
    return mock.patch.object(InstallWork, "objection", return_value="")


@bug(
    cleans=0.9,
    deselected=0.4,
    churn=0.9,
    soaks=0.9,
    destroys=0.0,
    job_fails=0.0,
    killed=0.0,
    node_replaced=0.0,
)
def nodes_are_cleaned_though_selected_since_the_plan() -> Patch:
    patches = contextlib.ExitStack()
    patches.enter_context(mock.patch.object(CleanupWork, "objection", return_value=""))

    async def all_of_them(api: Any, _: Any) -> list[str]:
        return [node.metadata.name for node in await api.list_nodes()]

    patches.enter_context(mock.patch.object(install, "still_deselected", all_of_them))
    return patches


@bug(node_not_ready=0.4, churn=0.9, deselected=0.0)
def node_that_is_left_out_counts_as_failed() -> Patch:
    async def create(original: Any, made: Creator, command: CreateJob) -> Result:
        result: Result = await original(made, command)
        return (
            Result(code=CommandStatus.REJECTED, text=result.text)
            if result.code is CommandStatus.SKIPPED
            else result
        )

    return around(Creator, "create", create)


# Pods.


@bug(pod_outlives=0.9, job_deleted=0.3)
def pods_of_a_deleted_job_are_not_waited_for() -> Patch:
    return mock.patch.object(Pod, "has_ended", True)


@bug(pod_outlives=0.9, pod_evicted=0.3)
def pod_is_replaced_while_it_ends() -> Patch:
    return mock.patch.object(job_stamp, "POD_REPLACEMENT", "TerminatingOrFailed")


# Failures.


@bug(janitor=0.9, job_fails=0.5)
def failed_node_has_no_trace_before_its_job_is_removed() -> Patch:
    async def of_failure(*_: Any) -> bool:
        return True

    return mock.patch.object(Traces, "of_failure", of_failure)


@bug(plugin_fails=0.9, outage=0.0)
def failing_plugin_ends_the_run() -> Patch:
    return mock.patch.object(executor, "UnreachableError", ZeroDivisionError)


@bug(stuck=0.9)
def what_gets_nowhere_is_tried_forever() -> Patch:
    return mock.patch.object(Standstill, "failed")


# Other installations on the same nodes, and quotas.


@bug(second=0.9, destroys=0.0)
def label_of_another_installation_is_taken() -> Patch:
    return mock.patch.object(node_labels, "is_shared", return_value=False)


@bug(second=0.9, destroys=0.0)
def jobs_of_another_installation_are_not_waited_for() -> Patch:
    def put(original: Any, seen: JobTracker, now: float, job: NodeJob) -> None:
        if not job.foreign:
            original(seen, now, job)

    return around(JobTracker, "put", put)


@bug(quota=0.9)
def node_that_a_quota_leaves_no_room_for_counts_as_failed() -> Patch:
    return mock.patch.object(ApiError, "over_quota", False)
