"""What nodes that wait behind their Jobs mean for the others: slots, waves, canaries, budget."""

from dataclasses import replace

import pytest

from kata_components.operations import report
from kata_components.pacing.commands import (
    CreateJob,
)
from kata_components.pacing.node_run import Phase
from kata_components.planning.node_jobs import JobState
from kata_components.planning.service import Service
from kata_components.planning.step import Action
from tests.pacing.story import Story, looked, step
from tests.planning.builders import job


def test_a_canary_is_judged_fifteen_seconds_after_its_job() -> None:
    story = Story(step("a", canary=True), step("b", wave=1))
    story.install()
    story.change("a")
    assert story.look(Service.SERVED) == 15.0
    story.write()
    assert story.create() == "b"


def test_the_next_wave_waits_for_the_end_of_the_protocol_and_soaks_from_there() -> None:
    story = Story(step("a", canary=True), step("b", wave=1), parallelism=2, soak_seconds=100.0)
    story.install()
    story.look(Service.SERVED)
    assert story.write(holds=True) == 15.0
    assert story.look(Service.SERVED) == 27.0
    assert story.phase("a") is Phase.DONE
    assert story.create() == "b"
    assert story.now == 127.0


def test_waiting_nodes_hold_no_slot_but_none_starts_while_there_are_as_many_as_slots() -> None:
    story = Story(*map(step, "abcde"), parallelism=2)
    for node in [story.create(), story.create()]:
        story.succeed(node)
    assert [story.look(Service.NOT_SERVED, node) for node in "ab"] == [0.0, 0.0]
    assert story.next(until=5.0) is None, "as many wait as there are slots"
    counts = story.pacer.nodes.counts
    assert (counts.running, counts.settling, counts.remaining) == (0, 2, 3)
    story.look(Service.SERVED, "a")
    assert [story.create(), story.create()] == ["c", "d"]
    assert story.phase("b") is Phase.AWAITING


def test_nodes_start_beside_one_that_waits() -> None:
    story = Story(*map(step, "abc"), parallelism=2)
    story.install()
    story.look(Service.NOT_SERVED)
    assert story.create() == "b"
    assert story.create() == "c"
    assert story.phase("a") is Phase.AWAITING


def test_a_late_node_counts_as_failed_until_it_serves() -> None:
    story = Story(*map(step, "abcd"), parallelism=2, allowed=0)
    story.install()
    assert story.create() == "b"
    assert story.create() == "c"
    while story.now < 30.0:
        story.look(Service.NOT_SERVED)
    story.succeed("b")
    story.look(Service.SERVED, "b")
    story.write("b")
    assert story.next(until=35.0) is None, "d may not start"
    assert not story.pacer.finished
    story.change("a")
    story.look(Service.SERVED)
    assert story.create() == "d"


@pytest.mark.parametrize("service", [Service.NOT_READY, Service.NOT_SERVED])
def test_a_node_that_did_not_serve_in_an_earlier_run_counts_from_the_start(
    service: Service,
) -> None:
    late = replace(step("a", action=Action.RESUME), service=service)
    story = Story(late, step("b"), allowed=0, jobs=[job("a", JobState.SUCCEEDED)])
    assert story.next(kind=CreateJob, until=20.0) is None
    story.change("a")
    story.look(Service.SERVED)
    story.write()
    assert story.create() == "b"


def test_a_job_that_ends_in_this_run_gives_its_node_the_usual_time() -> None:
    resumed = replace(step("a", action=Action.RESUME), service=Service.NOT_SERVED)
    story = Story(resumed, step("b"), allowed=0, parallelism=2, jobs=[job("a")])
    assert story.create() == "b"
    story.succeed("a")
    assert story.pacer.budget.allows("c")


def test_a_late_canary_holds_back_the_others() -> None:
    steps = [step(node, canary=True) for node in "ab"]
    story = Story(*steps, allowed=5)
    story.install()
    assert story.look(Service.NOT_SERVED) == 15.0
    assert story.pacer.budget.allows("b")
    story.look(Service.NOT_SERVED)
    while story.now < 30.0:
        story.look(Service.NOT_SERVED, "a")
    assert not story.pacer.budget.allows("b")
    story.look(Service.SERVED, "a")
    assert story.pacer.budget.allows("b")


def test_an_upgraded_fleet_says_what_its_nodes_wait_for() -> None:
    story = Story(*map(step, "ab"), parallelism=2)
    for _ in range(2):
        story.install()
    while story.now < 35.0:
        story.look(looked(Service.NOT_SERVED, text="it reports runc"))
    line = report.progress_line("installed", story.pacer.progress(story.now), story.now)
    assert line == (
        "0/2 installed, 0 running, 2 becoming ready, 0 waiting; "
        "a and 1 more: no handler of Kata yet: it reports runc"
    )


def test_a_job_that_succeeded_before_is_followed_and_not_run_again() -> None:
    resumed = step("a", action=Action.RESUME)
    story = Story(resumed, step("b"), jobs=[job("a", JobState.SUCCEEDED)])
    assert story.look(Service.NOT_SERVED) == 0.0
    story.now = 3.0
    story.change("a")
    assert story.look(Service.SERVED) == 3.0
    story.write()
    assert story.phase("a") is Phase.DONE


def test_a_job_that_is_deleted_behind_a_node_changes_nothing() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.NOT_SERVED)
    story.pacer.on_job(story.now, story.jobs.pop("a"), deleted=True)
    story.pacer.on_expired(story.now)
    assert story.look(Service.SERVED) == 10.0
    story.write()
    assert story.phase("a") is Phase.DONE


def test_a_job_that_fails_is_diagnosed_and_never_waited_behind() -> None:
    story = Story(step("a"))
    story.create()
    story.jobs["a"] = job("a", JobState.FAILED)
    story.pacer.on_job(story.now, story.jobs["a"])
    assert story.phase("a") is Phase.DIAGNOSING


def test_jobs_are_removed_only_behind_nodes_that_are_done() -> None:
    story = Story(step("a"), step("b", wave=1), soak_seconds=10.0)
    story.install()
    story.look(Service.SERVED)
    story.write(holds=True)
    assert story.next(until=12.0) is None
    assert story.removed == []
    story.look(Service.SERVED)
    story.create()
    assert story.removed == ["a"]
