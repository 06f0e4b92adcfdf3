"""What the pacer does in the few cases that no crash or fault brings about by chance."""

from kata_components.rollout.budget import Budget
from kata_components.rollout.commands import Code, Command, CreateJob, ListJobs, Result
from kata_components.rollout.jobs import JobState
from kata_components.rollout.pacer import Pacer
from kata_components.rollout.phase import Phase
from kata_components.rollout.plan import Action, Step
from tests.rollout.builders import DIGEST, job


def pacer(*nodes: str, parallelism: int = 1, timeout: float = 60.0) -> Pacer:
    steps = [
        Step(
            node=n,
            node_uid=f"uid-{n}",
            machine_id=f"machine-{n}",
            action=Action.INSTALL,
            reason="",
            wave=0,
            canary=False,
        )
        for n in nodes
    ]
    made = Pacer(
        steps,
        stage="install",
        digest=DIGEST,
        parallelism=parallelism,
        budget=Budget(),
        node_timeout_seconds=timeout,
    )
    [listing] = made.poll(0.0)
    assert isinstance(listing, ListJobs)
    made.on_list(0.0, listing, [])
    return made


def create(made: Pacer, now: float) -> CreateJob:
    [command] = [command for command in made.poll(now) if not isinstance(command, ListJobs)]
    assert isinstance(command, CreateJob)
    return command


def test_a_job_that_never_ends_fails_its_node_and_keeps_its_slot() -> None:
    made = pacer("a", "b")
    made.on_result(1.0, create(made, 1.0), Result(code=Code.DONE, uid="job-a"))
    made.on_job(1.0, job("a"))
    late = 60.0 + 120.0 + 2.0
    assert made.wakeup(2.0) <= late
    assert [c for c in made.poll(late) if isinstance(c, CreateJob)] == []
    assert [failure.node for failure in made.nodes.failures] == ["a"]
    made.on_job(late, job("a", JobState.FAILED))
    assert create(made, late).node == "b"


def test_an_error_that_the_server_repeats_fails_the_node_with_its_text() -> None:
    made = pacer("a")
    now = 0.0
    answers = 0
    while not made.finished:
        commands: list[Command] = made.poll(now)
        for command in commands:
            if isinstance(command, ListJobs):
                made.on_list(now, command, [])
            else:
                answers += 1
                assert isinstance(command, CreateJob)
                made.on_result(now, command, Result(code=Code.UNKNOWN, text="webhook failed"))
        now = made.wakeup(now)
    assert answers == 11
    assert [failure.text for failure in made.nodes.failures] == ["webhook failed"]


def test_no_answer_is_asked_again_for_as_long_as_it_takes() -> None:
    made = pacer("a")
    now = 1.0
    command = create(made, now)
    for _ in range(2000):
        made.on_result(now, command, Result(code=Code.UNKNOWN))
        now += 31.0
        command = next(c for c in made.poll(now) if isinstance(c, CreateJob))
    assert made.nodes.within(Phase.CREATING) == ["a"]
