"""Bugs to plant in the pacer, as those in `bugs`."""

import contextlib
from dataclasses import replace
from math import inf
from typing import Any
from unittest import mock

from kata_components.kubernetes import backoff
from kata_components.pacing import pacer
from kata_components.pacing.commands import CommandStatus, CreateJob, Result
from kata_components.pacing.job_tracker import JobTracker
from kata_components.pacing.limits import FailureBudget, QuotaBackoff
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.transitions import Transitions
from kata_components.planning.node_jobs import NodeJob
from kata_components.runners import pulumi
from tests.simulation.planting import Patch, around, bug


@bug(lost_answer=0.2)
def slot_is_freed_when_no_answer_comes() -> Patch:
    """As after a quota's refusal, which is sure to have created nothing, but without its pause."""

    def on_result(original: Any, made: Pacer, now: float, command: Any, result: Result) -> None:
        creates = isinstance(command, CreateJob)
        if creates and made.nodes[command.step.node].phase is Phase.CREATING:
            unsure = result.code is CommandStatus.UNKNOWN
            result = replace(result, code=CommandStatus.FULL) if unsure else result
        original(made, now, command, result)

    patches = contextlib.ExitStack()
    patches.enter_context(around(Pacer, "on_result", on_result))
    patches.enter_context(mock.patch.object(QuotaBackoff, "refused"))
    return patches


@bug(lost_answer=0.2)
def no_answer_counts_as_failure() -> Patch:
    def on_result(original: Any, made: Pacer, now: float, command: Any, result: Result) -> None:
        if isinstance(command, CreateJob) and result.code is CommandStatus.UNKNOWN:
            result = replace(result, code=CommandStatus.REJECTED)
        original(made, now, command, result)

    return around(Pacer, "on_result", on_result)


@bug(job_deleted=0.3, watch_stalls=0.2)
def events_are_told_apart_by_name() -> Patch:
    def on_job(
        original: Any, made: Pacer, now: float, job: NodeJob, *, deleted: bool = False
    ) -> None:
        run = made.nodes.get(job.node)
        original(
            made,
            now,
            replace(job, uid=run.job_uid) if run and run.job_uid else job,
            deleted=deleted,
        )

    return around(Pacer, "on_job", on_job)


@bug(name_taken=0.2)
def name_that_is_taken_is_tried_forever() -> Patch:
    return mock.patch.object(backoff, "MOST_ERRORS", inf)


@bug(event_lost=0.1)
def changes_are_never_listed_again() -> Patch:
    patches = contextlib.ExitStack()
    patches.enter_context(mock.patch.object(pacer, "RELIST_SECONDS", inf))
    # Or a Job that seems overdue ends the run, if late and with a failure.
    patches.enter_context(mock.patch.object(JobTracker, "next_overdue", inf))
    return patches


@bug(killed=0.9, other_digest=0.7)
def jobs_of_others_are_not_counted() -> Patch:
    return mock.patch.object(JobTracker, "in_flight", lambda _, holders: len(list(holders)))


@bug(job_fails=0.5)
def failure_counts_only_once_it_is_explained() -> Patch:
    def failed(original: Any, made: Transitions, run: Any, phase: Phase) -> None:
        counted = (
            mock.patch.object(FailureBudget, "failed")
            if phase is Phase.DIAGNOSING
            else contextlib.nullcontext()
        )
        with counted:
            original(made, run, phase)

    return around(Transitions, "enter", failed)


@bug(job_fails=0.5)
def earlier_failures_are_forgotten() -> Patch:
    def forgetful(*allowed: float, earlier: Any = ()) -> FailureBudget:
        del earlier
        return FailureBudget(*allowed)

    return mock.patch.object(pulumi, "FailureBudget", forgetful)


@bug(node_deleted=0.3)
def canary_that_departs_is_no_reason_to_stop() -> Patch:
    return mock.patch.object(
        FailureBudget,
        "departed",
        lambda budget, node, canary: budget.recovered(node),  # noqa: ARG005
    )
