"""From the end of a Job to a node that serves, in virtual time."""

from dataclasses import replace
from itertools import pairwise

import pytest

from kata_components.operations import report
from kata_components.pacing.commands import (
    CommandStatus,
    CreateJob,
    LiftTaints,
    LookAtNode,
    Result,
    WriteFailure,
)
from kata_components.pacing.node_run import Phase
from kata_components.planning.node_jobs import JobState
from kata_components.planning.service import Service
from kata_components.planning.step import Action
from tests.pacing.story import Story, looked, step
from tests.planning.builders import job


def test_a_node_that_serves_at_once_takes_one_look_and_one_write() -> None:
    story = Story(step("a"))
    story.install()
    assert story.phase("a") is Phase.AWAITING
    assert story.look(Service.SERVED) == 0.0
    assert story.write() == 0.0
    assert story.phase("a") is Phase.DONE
    assert story.pacer.finished


def test_a_node_that_does_not_report_handlers_is_accepted() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.UNKNOWN)
    story.write()
    assert story.phase("a") is Phase.DONE


def test_a_node_is_looked_at_every_ten_seconds_where_nothing_is_seen() -> None:
    story = Story(step("a"))
    story.install()
    looks = [story.look(Service.NOT_SERVED) for _ in range(4)]
    assert looks == [0.0, 10.0, 20.0, 30.0]


def test_a_change_brings_the_next_look_but_none_within_two_seconds() -> None:
    story = Story(step("a"))
    story.install()
    assert story.look(Service.NOT_SERVED) == 0.0
    story.now = 0.5
    story.change("a")
    story.change("a")
    assert story.look(Service.NOT_SERVED) == 2.0
    assert story.next(until=7.0) is None
    story.change("a")
    assert story.look(Service.NOT_SERVED) == 7.0
    assert story.look(Service.NOT_SERVED) == 17.0, "that change was looked at"


def test_a_change_during_a_look_is_looked_at_as_well() -> None:
    story = Story(step("a"))
    story.install()
    command = story.next()
    assert isinstance(command, LookAtNode)
    story.now = 0.5
    story.change("a")
    assert story.next(until=1.0) is None
    story.answer(command, looked(Service.NOT_SERVED))
    assert story.look(Service.SERVED) == 2.0


def test_looks_at_a_node_that_changes_all_the_time_have_their_pauses() -> None:
    story = Story(step("a"), ready_seconds=61.0)
    story.install()
    looks = []
    while story.phase("a") is Phase.AWAITING:
        looks.append(story.look(Service.NOT_READY))
        story.change("a")
    assert looks == [2.0 * number for number in range(32)], "the last is behind the deadline"


def test_a_look_without_an_answer_is_repeated_with_its_own_pauses() -> None:
    story = Story(step("a"))
    story.install()
    asked = []
    for _ in range(12):
        asked.append(story.look(Result(code=CommandStatus.UNKNOWN)))
        story.change("a")
    pauses = [round(after - before, 1) for before, after in pairwise(asked)]
    assert pauses == [0.4, 0.8, 1.6, 3.2, 6.4, 12.8, 25.6, 30.0, 30.0, 30.0, 30.0]
    story.look(Service.SERVED)
    story.write()
    assert story.phase("a") is Phase.DONE, "an outage fails no node"


def test_errors_between_good_answers_do_not_add_up() -> None:
    story = Story(step("a"), ready_seconds=1000.0)
    story.install()
    error = Result(code=CommandStatus.UNKNOWN, answered=True, text="etcd has no leader")
    for _ in range(8):
        story.look(error)
        story.look(error)
        story.look(Service.NOT_READY)
    assert story.phase("a") is Phase.AWAITING


def test_errors_that_the_server_repeats_fail_a_node_with_their_text() -> None:
    story = Story(step("a"))
    story.install()
    for _ in range(11):
        story.look(Result(code=CommandStatus.UNKNOWN, answered=True, text="etcd has no leader"))
    assert story.failures == {"a": "etcd has no leader"}


def test_a_node_that_is_not_ready_in_time_fails_and_keeps_labels_and_job() -> None:
    story = Story(step("a"))
    story.install()
    while story.phase("a") is Phase.AWAITING:
        asked = story.look(looked(Service.NOT_READY, text="runtime is down"))
    assert asked == 60.0, "the last look is at the deadline"
    assert story.failures == {
        "a": "not Ready within 60 s of its Job (runtime is down); the next run continues from there"
    }
    assert story.next() is None, "nothing is written"
    assert story.removed == []


def test_handlers_have_their_time_from_the_first_ready_on() -> None:
    story = Story(step("a"))
    story.install()
    assert [story.look(Service.NOT_READY) for _ in range(6)][-1] == 50.0
    story.now = 55.0
    story.change("a")
    first = story.look(Service.NOT_SERVED)
    assert first == 55.0
    while story.phase("a") is Phase.AWAITING:
        asked = story.look(looked(Service.NOT_SERVED, text="it reports runc"))
    assert asked == first + 120.0
    assert story.phase("a") is Phase.DEMOTING
    assert story.pacer.nodes.counts.finishing == 1


def test_missing_handlers_are_left_on_the_node_before_it_has_failed() -> None:
    story = Story(step("a"))
    story.install()
    while story.phase("a") is Phase.AWAITING:
        story.look(looked(Service.NOT_SERVED, text="it reports runc"))
    text = (
        "its Job succeeded, but the container runtime did not report Kata's handlers within 120 s "
        "(it reports runc); the next run looks again; to install again: "
        "kubectl -n kube-system delete job kata-deploy-install-a, then pulumi up"
    )
    command = story.next()
    assert command == WriteFailure(step("a"), text)
    story.answer(command, Result(code=CommandStatus.UNKNOWN))
    assert story.next() == command
    assert not story.pacer.finished
    story.answer(command)
    assert story.failures == {"a": text}
    assert story.pacer.finished
    assert story.removed == []


def test_a_server_that_refuses_the_trace_does_not_hide_the_reason() -> None:
    story = Story(step("a"))
    story.install()
    while story.phase("a") is Phase.AWAITING:
        story.look(Service.NOT_SERVED)
    command = story.next()
    assert isinstance(command, WriteFailure)
    story.answer(command, Result(code=CommandStatus.REJECTED, text="webhook says no"))
    assert story.failures == {"a": command.text}


def test_a_node_that_is_not_ready_again_is_not_blamed_for_its_handlers() -> None:
    story = Story(step("a"), ready_seconds=300.0)
    story.install()
    story.look(Service.NOT_SERVED)
    while story.now < 150.0:
        story.look(Service.NOT_READY)
    assert story.phase("a") is Phase.AWAITING, "the time to become Ready is not over"
    story.look(Service.NOT_SERVED)
    assert story.phase("a") is Phase.AWAITING, "it has just come back"
    story.look(Service.SERVED)
    story.write()
    assert story.phase("a") is Phase.DONE


def test_a_node_that_comes_back_without_handlers_has_failed_at_the_next_look() -> None:
    story = Story(step("a"), ready_seconds=300.0)
    story.install()
    story.look(Service.NOT_SERVED)
    while story.now < 150.0:
        story.look(Service.NOT_READY)
    story.look(Service.NOT_SERVED)
    story.look(Service.NOT_SERVED)
    assert story.phase("a") is Phase.DEMOTING


def test_a_node_that_is_not_ready_again_has_at_least_the_time_of_the_handlers() -> None:
    story = Story(step("a"), ready_seconds=60.0)
    story.install()
    story.look(Service.NOT_SERVED)
    while story.phase("a") is Phase.AWAITING:
        asked = story.look(Service.NOT_READY)
    assert asked == 120.0
    assert story.phase("a") is Phase.FAILED


def test_a_node_that_goes_on_and_off_fails_in_the_end() -> None:
    story = Story(step("a"), ready_seconds=60.0)
    story.install()
    services = [Service.NOT_SERVED, Service.NOT_READY]
    while story.phase("a") is Phase.AWAITING:
        asked = story.look(services[int(story.now // 10) % 2])
    assert asked <= 130.0


def test_a_node_is_not_judged_by_the_time_of_an_outage() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.NOT_READY)
    while story.now < 1000.0:
        story.look(Result(code=CommandStatus.UNKNOWN))
    story.look(Service.NOT_SERVED)
    assert story.phase("a") is Phase.AWAITING
    story.look(Service.SERVED)
    assert story.phase("a") is Phase.MARKING


@pytest.mark.parametrize(
    "code", [CommandStatus.GONE, CommandStatus.CONFLICT, CommandStatus.DEPARTED]
)
def test_a_node_that_is_gone_behind_its_job_is_no_failure(code: CommandStatus) -> None:
    story = Story(step("a"), step("b"), allowed=0)
    story.install()
    story.look(Result(code=code))
    assert story.phase("a") is Phase.DEPARTED
    assert story.create() == "b"


@pytest.mark.parametrize("code", [CommandStatus.GONE, CommandStatus.CONFLICT])
def test_a_node_that_is_gone_before_it_is_demoted_is_no_failure(code: CommandStatus) -> None:
    story = Story(step("a"), step("b"), allowed=0)
    story.install()
    while story.phase("a") is Phase.AWAITING:
        story.look(Service.NOT_SERVED)
    command = story.next()
    assert isinstance(command, WriteFailure)
    story.answer(command, Result(code=code))
    assert story.phase("a") is Phase.DEPARTED
    assert story.create() == "b"


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


def test_labels_have_to_hold_where_kubelets_set_old_ones_again() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.SERVED)
    assert story.write(holds=True) == 0.0
    assert story.next(until=3.0) is None
    story.change("a", labelled=True)
    assert story.next(until=5.0) is None
    story.change("a")
    assert story.write(holds=True) == 5.0, "at once"
    assert story.look(looked(Service.SERVED, labelled=False)) == 17.0, "no change was seen"
    assert story.write(holds=True) == 17.0
    assert story.look(Service.NOT_READY) == 29.0, "labels are what is looked at"
    assert story.phase("a") is Phase.DONE


def test_nodes_that_hold_labels_hold_nobody_back() -> None:
    story = Story(*map(step, "ab"))
    story.install()
    story.look(Service.SERVED)
    story.write(holds=True)
    assert story.create() == "b"
    assert story.now == 0.0


def test_labels_that_do_not_hold_are_written_twelve_times() -> None:
    story = Story(step("a"), step("b"), allowed=0)
    story.install()
    story.look(Service.SERVED)
    writes = 0
    while story.phase("a") is Phase.MARKING:
        story.write(holds=True)
        writes += 1
        story.change("a")
    assert writes == 12
    assert story.failures["a"].startswith(
        "its labels did not stay, though they were written 12 times; `kubectl get node -o yaml"
    )
    assert story.pacer.budget.stop_reason == "1 nodes failed, rollout.maxFailures allows 0"


def test_labels_that_change_during_the_last_look_are_written_again() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.SERVED)
    story.write(holds=True)
    command = story.next()
    assert isinstance(command, LookAtNode)
    story.change("a")
    story.answer(command, looked(Service.SERVED))
    story.write()
    assert story.phase("a") is Phase.DONE


def test_a_failure_is_not_settled_again_by_a_look_that_was_under_way() -> None:
    story = Story(step("a"), step("b"), allowed=0)
    story.install()
    story.look(Service.SERVED)
    for _ in range(11):
        story.write(holds=True)
        story.change("a")
    story.write(holds=True)
    command = story.next(kind=LookAtNode)
    assert command
    story.change("a")
    story.answer(command, Result(code=CommandStatus.GONE))
    assert story.phase("a") is Phase.FAILED
    counts = story.pacer.nodes.counts
    assert (counts.failed, counts.departed, counts.running) == (1, 0, 1)


def test_startup_taints_are_lifted_last() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.SERVED)
    story.write(holds=True, tainted=True)
    story.look(Service.SERVED)
    command = story.next()
    assert command == LiftTaints(step("a"))
    assert not story.pacer.finished
    story.answer(command)
    assert story.phase("a") is Phase.DONE
    assert story.pacer.nodes.still_tainted == []


def test_labels_that_change_while_taints_are_lifted_are_written_first() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.SERVED)
    story.write(tainted=True)
    command = story.next()
    assert isinstance(command, LiftTaints)
    story.change("a")
    story.answer(command)
    assert story.write(tainted=True) == 0.0
    command = story.next()
    assert isinstance(command, LiftTaints)
    story.answer(command, Result(code=CommandStatus.DONE, labelled=False))
    assert story.write() == 0.0
    assert story.phase("a") is Phase.DONE


def test_taints_that_stay_fail_nobody_but_are_told() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.SERVED)
    story.write(tainted=True)
    command = story.next()
    assert isinstance(command, LiftTaints)
    story.answer(command, Result(code=CommandStatus.REJECTED, text="webhook says no"))
    assert story.phase("a") is Phase.DONE
    assert story.failures == {}
    [left] = story.pacer.nodes.still_tainted
    assert (left.node, left.text) == ("a", "webhook says no")


@pytest.mark.parametrize("action", [Action.RELABEL, Action.ADOPT])
def test_nodes_without_a_job_begin_with_their_labels(action: Action) -> None:
    story = Story(step("a", action=action))
    story.write(holds=True, tainted=True)
    story.look(Service.SERVED)
    command = story.next()
    assert isinstance(command, LiftTaints)
    story.answer(command)
    assert story.phase("a") is Phase.DONE
    assert story.removed == []


def test_labels_of_a_done_node_are_mended_until_the_end_of_the_run() -> None:
    story = Story(*map(step, "ab"))
    story.install()
    story.look(Service.SERVED)
    story.write()
    story.create()
    before = story.pacer.nodes.counts
    story.change("a", labelled=True)
    assert story.next(until=5.0) is None
    story.change("a")
    assert story.pacer.nodes.counts == before
    assert story.look(looked(Service.SERVED, labelled=False)) == 5.0
    assert story.pacer.nodes.counts == before
    assert story.write() == 5.0
    assert story.pacer.nodes.counts == before
    assert story.phase("a") is Phase.DONE


def test_the_run_does_not_end_while_labels_are_mended() -> None:
    story = Story(step("a"))
    story.install()
    story.look(Service.SERVED)
    story.write()
    assert story.pacer.finished
    story.change("a")
    assert not story.pacer.finished
    story.look(looked(Service.SERVED, labelled=False))
    assert not story.pacer.finished
    story.write(holds=True, tainted=True)
    assert story.pacer.finished


def test_a_done_node_whose_labels_never_stay_has_failed_and_upsets_no_wave() -> None:
    steps = [step("a", canary=True), step("b", wave=1), step("c", wave=2)]
    story = Story(*steps, allowed=0)
    story.install()
    story.look(Service.SERVED)
    for _ in range(12):
        story.write("a")
        story.change("a")
        story.look(looked(Service.SERVED, labelled=False), "a")
    assert list(story.failures) == ["a"]
    assert story.pacer.budget.stop_reason == "canary a failed"
    story.create()
    story.succeed("b")
    story.look(Service.SERVED, "b")
    story.write("b")
    assert story.pacer.finished
    assert story.pacer.nodes.within(Phase.QUEUED) == ["c"]


@pytest.mark.parametrize("code", [CommandStatus.GONE, CommandStatus.DEPARTED])
def test_a_done_node_that_is_gone_stays_done(code: CommandStatus) -> None:
    story = Story(step("a", canary=True), step("b", wave=1))
    story.install()
    story.look(Service.SERVED)
    story.write()
    story.create()
    story.change("a")
    story.look(Result(code=code))
    assert story.phase("a") is Phase.DONE
    assert story.pacer.budget.stop_reason == ""


@pytest.mark.parametrize("service", [Service.NOT_READY, Service.NOT_SERVED])
def test_a_done_node_that_does_not_serve_any_more_gets_no_labels(service: Service) -> None:
    story = Story(*map(step, "ab"))
    story.install()
    story.look(Service.SERVED)
    story.write()
    story.create()
    story.change("a")
    story.look(looked(service, labelled=False))
    assert story.phase("a") is Phase.DONE
    assert story.next(until=9.0) is None
    story.change("a")
    story.look(looked(Service.SERVED, labelled=False))
    assert story.write("a") == 9.0


def test_labels_of_a_done_node_that_change_during_the_look_are_looked_at_again() -> None:
    story = Story(*map(step, "ab"))
    story.install()
    story.look(Service.SERVED)
    story.write()
    story.create()
    story.change("a")
    command = story.next()
    assert isinstance(command, LookAtNode)
    story.change("a")
    story.answer(command, looked(Service.SERVED))
    assert story.look(looked(Service.SERVED, labelled=False)) == 2.0
    assert story.write("a") == 2.0


def test_jobs_that_label_their_nodes_leave_only_the_mark() -> None:
    story = Story(step("a"), protocol=False)
    story.install()
    story.write(holds=True, tainted=True)
    assert story.phase("a") is Phase.DONE
    story.change("a")
    assert story.pacer.finished
