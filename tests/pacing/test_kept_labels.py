"""Labels that have to stay, startup taints, and what befalls a node that is done already."""

import pytest

from kata_components.pacing.commands import (
    CommandStatus,
    LiftTaints,
    LookAtNode,
    Result,
)
from kata_components.pacing.node_run import Phase
from kata_components.planning.service import Service
from kata_components.planning.step import Action
from tests.pacing.story import Story, looked, step


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
    assert story.pacer.budget.stop_reason == "1 node failed, rollout.maxFailures allows 0"


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
    story.finish()
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
    story.finish()
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
    story.finish()
    story.create()
    story.change("a")
    story.look(Result(code=code))
    assert story.phase("a") is Phase.DONE
    assert story.pacer.budget.stop_reason == ""


@pytest.mark.parametrize("service", [Service.NOT_READY, Service.NOT_SERVED])
def test_a_done_node_that_does_not_serve_any_more_gets_no_labels(service: Service) -> None:
    story = Story(*map(step, "ab"))
    story.finish()
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
    story.finish()
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
