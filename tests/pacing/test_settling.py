"""The wait of one node behind its Job, until it serves or has failed, in virtual time."""

from itertools import pairwise

import pytest

from kata_components.pacing.commands import (
    CommandStatus,
    LookAtNode,
    Result,
    WriteFailure,
)
from kata_components.pacing.node_run import Phase
from kata_components.planning.service import Service
from tests.pacing.story import Story, looked, step


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
        "`kubectl -n kube-system delete job kata-deploy-install-a`, then `pulumi up`"
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
