"""What the pacer does in the few cases that the simulation does not reach by chance."""

from collections.abc import Sequence
from dataclasses import replace
from math import inf

import pytest

from kata_components.operations import report
from kata_components.pacing.commands import (
    Command,
    CommandStatus,
    CreateJob,
    DeleteJob,
    Diagnose,
    ListJobs,
    RemoveJobs,
    Result,
    WriteMark,
)
from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.step import Action, Step
from tests.pacing.story import step
from tests.planning.builders import DIGEST, job


def pacer(
    *nodes: str,
    parallelism: int = 1,
    timeout: float = 60.0,
    allowed: float = inf,
    earlier: tuple[str, ...] = (),
) -> Pacer:
    return paced(
        [step(node) for node in nodes],
        parallelism,
        timeout,
        FailureBudget(allowed, earlier=earlier),
    )


def paced(
    steps: list[Step],
    parallelism: int,
    timeout: float,
    budget: FailureBudget,
    *,
    jobs: Sequence[NodeJob] = (),
) -> Pacer:
    made = Pacer(
        steps,
        kind="install",
        digest=DIGEST,
        parallelism=parallelism,
        budget=budget,
        node_timeout_seconds=timeout,
    )
    [listing] = made.poll(0.0)
    assert isinstance(listing, ListJobs)
    made.on_list(0.0, listing, jobs)
    return made


def create(made: Pacer, now: float) -> CreateJob:
    [command] = [command for command in made.poll(now) if not isinstance(command, ListJobs)]
    assert isinstance(command, CreateJob)
    return command


def relisted(made: Pacer, now: float, *jobs: NodeJob) -> None:
    """Answer the list that is due now."""
    [listing] = [command for command in made.poll(now) if isinstance(command, ListJobs)]
    made.on_list(now, listing, jobs)


LATE = 60.0 + 120.0 + 2.0
"""A Job that was seen at 1.0 is overdue then."""


def test_a_job_that_never_ends_holds_its_slot_until_long_after_its_deadline() -> None:
    made = pacer("a", "b")
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.DONE, uid="job-a"))
    made.on_job(1.0, job("a"))
    assert made.wakeup(2.0) <= LATE
    assert made.poll(LATE - 5.0) == []
    relisted(made, LATE, job("a"))
    assert create(made, LATE).step.node == "b"
    assert [failure.node for failure in made.nodes.failures] == ["a"]


def test_a_node_is_given_up_only_when_a_list_still_has_its_overdue_job_at_work() -> None:
    made = pacer("a")
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.DONE, uid="job-a"))
    made.on_job(1.0, job("a"))
    [listing] = made.poll(LATE)
    assert isinstance(listing, ListJobs)
    # A list that fails is not repeated at once.
    made.on_list(LATE, listing, None)
    assert made.poll(LATE) == []
    assert made.wakeup(LATE) == LATE + 1.0
    assert made.nodes.failures == []
    relisted(made, LATE + 1.0, job("a", JobState.FAILED))
    [command] = made.poll(LATE + 1.0)
    assert isinstance(command, Diagnose)


def test_a_job_of_another_run_on_a_dead_node_does_not_block_the_rollout_forever() -> None:
    made = pacer("a", "b")
    made.on_job(1.0, job("x", uid="foreign-x"))
    made.on_job(1.0, job("a", digest="bbbbbbbbbbbb", uid="foreign-a"))
    assert made.poll(LATE - 5.0) == []
    relisted(
        made, LATE, job("x", uid="foreign-x"), job("a", digest="bbbbbbbbbbbb", uid="foreign-a")
    )
    assert create(made, LATE).step.node == "b"
    assert [failure.node for failure in made.nodes.failures] == ["a"]


def test_a_job_has_the_time_that_its_own_run_gave_it() -> None:
    made = pacer("a", "b", "c", parallelism=2)
    jobs = [replace(job(node, uid=f"{node}-before"), deadline_seconds=7200) for node in ("x", "a")]
    for found in jobs:
        made.on_job(1.0, found)
    relisted(made, 7100.0, *jobs)
    assert made.poll(7100.0) == []
    assert made.nodes.failures == []
    late = 1.0 + 7200.0 + 120.0
    assert made.wakeup(7200.0) <= late
    assert made.poll(late - 1.0) == []
    relisted(made, late, *jobs)
    assert [c.step.node for c in made.poll(late) if isinstance(c, CreateJob)] == ["b", "c"]
    assert [failure.node for failure in made.nodes.failures] == ["a"]


def test_a_job_whose_own_time_is_shorter_has_that_of_this_run() -> None:
    made = pacer("a", timeout=60.0)
    made.on_job(1.0, replace(job("a"), deadline_seconds=10))
    made.poll(LATE - 5.0)
    assert made.nodes.failures == []


def test_the_end_of_the_last_node_ends_the_run_at_once() -> None:
    made = pacer("a")
    made.on_job(1.0, job("a"))
    relisted(made, LATE, job("a"))
    made.poll(LATE)
    assert made.finished
    assert made.wakeup(LATE) == LATE


def test_progress_counts_the_jobs_of_earlier_runs_until_they_end() -> None:
    made = pacer("a", "b", parallelism=2)
    made.on_job(1.0, job("x", uid="foreign-x"))
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.DONE, uid="job-a"))
    made.on_job(1.0, job("a"))
    now = made.progress(2.0)
    assert (now.running, now.remaining, now.others) == (1, 1, 1)
    assert report.progress_line("installed", now, 2.0) == (
        "0/2 installed, 1 running, 1 Job of earlier runs still at work, 1 waiting"
    )
    made.on_job(3.0, job("x", JobState.SUCCEEDED, uid="foreign-x"))
    assert made.progress(3.0).others == 0
    assert "earlier" not in report.progress_line("installed", made.progress(3.0), 3.0)


@pytest.mark.parametrize("command_type", [CreateJob, DeleteJob])
def test_an_error_that_the_server_repeats_fails_the_node_with_its_text(command_type: type) -> None:
    made = paced([replace(step("a"), stale_job="job-a")], 1, 60.0, FailureBudget())
    stale = [job("a", JobState.FAILED)] if command_type is DeleteJob else []
    for old in stale:
        made.on_job(0.0, old)
    now = 0.0
    answers = 0
    while not made.finished:
        commands: list[Command] = made.poll(now)
        for command in commands:
            if isinstance(command, ListJobs):
                made.on_list(now, command, stale)
            else:
                answers += 1
                assert isinstance(command, command_type)
                assert not isinstance(command, RemoveJobs)
                made.on_result(
                    now,
                    command,
                    Result(code=CommandStatus.UNKNOWN, text="webhook failed", answered=True),
                )
        now = made.wakeup(now)
    assert answers == 11
    assert [failure.text for failure in made.nodes.failures] == ["webhook failed"]


def conflicts(made: Pacer, listed: Sequence[NodeJob] = ()) -> tuple[int, float]:
    """Answer every create with a conflict until the pacer has finished.

    Return how many there were and how long.
    """
    now = 0.0
    creates = 0
    while not made.finished:
        for command in made.poll(now):
            if isinstance(command, ListJobs):
                made.on_list(now, command, listed)
            elif isinstance(command, CreateJob):
                creates += 1
                made.on_result(
                    now,
                    command,
                    Result(code=CommandStatus.CONFLICT, text="a Job of that name is there"),
                )
            elif not isinstance(command, RemoveJobs):
                made.on_result(now, command, Result(code=CommandStatus.DONE))
        now = made.wakeup(now)
    return creates, now


def test_a_name_that_is_taken_for_good_fails_the_node_after_a_few_tries() -> None:
    made = pacer("a")
    creates, seconds = conflicts(made)
    assert creates == 11
    assert 60.0 < seconds < 200.0
    assert [failure.text for failure in made.nodes.failures] == ["a Job of that name is there"]


def test_a_deleted_job_that_does_not_go_fails_the_node() -> None:
    held = job("a", JobState.FAILED, digest="bbbbbbbbbbbb")
    made = paced([replace(step("a"), stale_job=held.uid)], 1, 60.0, FailureBudget(), jobs=[held])
    creates, _ = conflicts(made, [held])
    assert creates == 11
    assert [failure.node for failure in made.nodes.failures] == ["a"]


def test_a_name_that_is_taken_by_our_own_job_is_no_error() -> None:
    made = pacer("a")
    creates, _ = conflicts(made, [job("a", JobState.SUCCEEDED)])
    assert creates == 1
    assert made.nodes.within(Phase.DONE) == ["a"]


def test_an_outage_does_not_count_as_tries_for_a_taken_name() -> None:
    made = pacer("a")
    now = 1.0
    for _ in range(30):
        made.on_result(now, create(made, now), Result(code=CommandStatus.UNKNOWN))
        now += 31.0
    made.on_result(
        now,
        create(made, now),
        Result(code=CommandStatus.CONFLICT, text="a Job of that name is there"),
    )
    assert made.nodes.within(Phase.CREATING) == ["a"]


def test_a_missing_answer_is_retried_for_as_long_as_it_takes() -> None:
    made = pacer("a")
    now = 1.0
    command = create(made, now)
    for _ in range(2000):
        made.on_result(now, command, Result(code=CommandStatus.UNKNOWN))
        now += 31.0
        command = next(c for c in made.poll(now) if isinstance(c, CreateJob))
    assert made.nodes.within(Phase.CREATING) == ["a"]


def test_a_server_that_asks_for_an_hour_is_waited_for_a_minute() -> None:
    made = pacer("a")
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.THROTTLED, retry_after=3600.0))
    assert made.poll(60.0) == []
    assert made.wakeup(2.0) == 61.0
    assert create(made, 61.0).step.node == "a"


def test_a_job_that_fails_before_the_first_list_counts_and_is_explained() -> None:
    failed = job("a", JobState.FAILED)
    steps = [step("a", canary=True), step("b", wave=1)]
    made = paced(steps, 1, 60.0, FailureBudget(0), jobs=[failed])
    assert made.budget.stop_reason == "canary a failed"
    [inspect] = made.poll(1.0)
    assert inspect == Diagnose(steps[0], failed)
    made.on_result(1.0, inspect, Result(code=CommandStatus.DONE, text="no space left on device"))
    assert made.finished
    assert [failure.text for failure in made.nodes.failures] == ["no space left on device"]


def test_a_failure_known_to_the_plan_is_retried() -> None:
    known = replace(step("a"), action=Action.RETRY, stale_job="job-a", failed_before=True)
    failed = job("a", JobState.FAILED)
    made = paced([known], 1, 60.0, FailureBudget(0, earlier=["a"]), jobs=[failed])
    assert made.poll(1.0) == [DeleteJob(known, failed)]


def test_a_failure_counts_before_it_is_explained() -> None:
    made = pacer("a", "b", allowed=0)
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.DONE, uid="job-a"))
    made.on_job(2.0, job("a", JobState.FAILED))
    [inspect] = made.poll(2.0)
    assert isinstance(inspect, Diagnose)
    made.on_result(3.0, inspect, Result(code=CommandStatus.GONE))
    assert create(made, 3.0).step.node == "b", "the node is gone, so it was no failure"


def test_a_canary_that_is_gone_has_proven_nothing() -> None:
    made = paced([step("a", canary=True), step("b", wave=1)], 1, 60.0, FailureBudget())
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.DONE, uid="job-a"))
    made.on_job(2.0, job("a", JobState.FAILED))
    [inspect] = made.poll(2.0)
    assert isinstance(inspect, Diagnose)
    made.on_result(3.0, inspect, Result(code=CommandStatus.GONE))
    assert made.finished
    assert made.budget.stop_reason == "canary a is gone, the next run chooses another"


def test_fresh_nodes_wait_for_a_failed_one_that_is_tried_again_until_it_recovers() -> None:
    made = paced(
        [replace(step("a"), action=Action.RESUME), step("b")],
        2,
        60.0,
        FailureBudget(0, earlier=["a"]),
    )
    made.on_job(1.0, job("a"))
    assert made.poll(1.0) == []
    made.on_job(2.0, job("a", JobState.SUCCEEDED))
    [record] = made.poll(2.0)
    assert isinstance(record, WriteMark)
    assert not made.finished
    made.on_result(3.0, record, Result(code=CommandStatus.DONE))
    assert create(made, 3.0).step.node == "b"


def test_a_wave_that_can_never_open_is_not_waited_for() -> None:
    made = paced([step("a"), step("b", wave=1)], 1, 60.0, FailureBudget(0, earlier=["b"]))
    assert [c for c in made.poll(1.0) if isinstance(c, CreateJob)] == []
    assert made.finished


def test_few_of_thousands_of_adopted_nodes_wait_for_their_mark_at_once() -> None:
    adopted = [replace(step(f"n{number}"), action=Action.ADOPT) for number in range(350)]
    made = paced(adopted, 1, 60.0, FailureBudget())
    rounds = []
    while not made.finished:
        records = made.poll(1.0)
        rounds.append(len(records))
        for record in records:
            assert isinstance(record, WriteMark)
            made.on_result(1.0, record, Result(code=CommandStatus.DONE))
    assert rounds == [100, 100, 100, 50]


def test_a_soak_is_shown_with_the_time_left() -> None:
    steps = [step("a", canary=True), step("b", wave=1)]
    made = Pacer(
        steps,
        kind="install",
        digest=DIGEST,
        parallelism=1,
        budget=FailureBudget(),
        soak_seconds=600.0,
    )
    [listing] = made.poll(0.0)
    assert isinstance(listing, ListJobs)
    made.on_list(0.0, listing, [])
    made.on_result(1.0, create(made, 1.0), Result(code=CommandStatus.DONE, uid="job-a"))
    assert "soaking" not in report.progress_line("installed", made.progress(2.0), 2.0)
    made.on_job(3.0, replace(job("a", JobState.SUCCEEDED), uid="job-a"))
    [record] = made.poll(3.0)
    assert isinstance(record, WriteMark)
    made.on_result(4.0, record, Result(code=CommandStatus.DONE))
    assert made.poll(4.0) == [RemoveJobs(("a",))]
    assert report.progress_line("installed", made.progress(104.0), 104.0) == (
        "1/2 installed, 0 running, 1 waiting, soaking, the next wave opens in 8m20s"
    )
