"""When nodes passed the stages of their work: what the rollout report draws."""

from kata_components.pacing.commands import CommandStatus, Diagnose, Result
from kata_components.pacing.times import NodeTimes, times
from kata_components.planning.node_jobs import JobState
from kata_components.planning.service import Service
from kata_components.planning.step import Action
from tests.pacing.story import Story, looked, step
from tests.planning.builders import job


def passed(*seconds: float | None) -> NodeTimes:
    started, job_started, job_ended, ended = seconds
    return NodeTimes(started=started, job_started=job_started, job_ended=job_ended, ended=ended)


def test_a_node_has_the_times_of_its_job_and_of_what_follows_it() -> None:
    story = Story(step("a"), step("b"))
    node = story.create()
    story.now = 40.0
    story.succeed(node)
    story.look(Service.NOT_SERVED)
    story.look(Service.SERVED)
    story.write()
    assert times(story.pacer.nodes)[node] == passed(0.0, 0.0, 40.0, 50.0)


def test_what_happens_after_a_node_was_done_does_not_change_its_times() -> None:
    story = Story(step("a"), step("b"))
    node = story.install()
    story.look(Service.SERVED)
    story.write()
    before = times(story.pacer.nodes)[node]
    story.now = 99.0
    story.change(node)
    story.look(looked(Service.SERVED, labelled=False), node)
    assert story.write(node) == 99.0
    assert times(story.pacer.nodes)[node] == before


def test_a_node_whose_job_fails_ends_when_the_reason_is_known() -> None:
    story = Story(step("a"), allowed=0)
    node = story.create()
    story.now = 7.0
    story.pacer.on_job(story.now, job(node, JobState.FAILED))
    diagnosis = story.next(kind=Diagnose)
    assert diagnosis
    story.now = 8.0
    story.answer(diagnosis, Result(code=CommandStatus.DONE, text="no space left"))
    assert times(story.pacer.nodes)[node] == passed(0.0, 0.0, 7.0, 8.0)


def test_a_node_that_needs_no_job_has_no_times_of_one_and_a_waiting_one_none_at_all() -> None:
    story = Story(step("a", action=Action.ADOPT), step("b", wave=1), soak_seconds=60)
    story.write()
    assert times(story.pacer.nodes) == {"a": passed(0.0, None, None, 0.0)}
