"""A pacer with the protocol behind Jobs, in virtual time; a test answers its commands."""

from collections.abc import Sequence
from math import inf

from kata_components.pacing.commands import (
    AfterJob,
    CommandStatus,
    CreateJob,
    ListJobs,
    LookAtNode,
    NodeCommand,
    RemoveJobs,
    Result,
    WriteMark,
)
from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import Phase
from kata_components.pacing.pacer import Pacer
from kata_components.pacing.protocol import Protocol
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.service import Service
from kata_components.planning.step import Action, Step
from tests.planning.builders import DIGEST, job

DONE = Result(code=CommandStatus.DONE)
NEVER = 10_000.0


def step(
    node: str, *, canary: bool = False, wave: int = 0, action: Action = Action.INSTALL
) -> Step:
    return Step(
        node=node,
        node_uid=f"uid-{node}",
        machine_id=f"machine-{node}",
        action=action,
        reason="",
        wave=wave,
        canary=canary,
    )


def looked(service: Service | None, *, labelled: bool = True, text: str = "") -> Result:
    return Result(code=CommandStatus.DONE, service=service, labelled=labelled, text=text)


class Story:
    """Time passes in `next` only. Lists are answered by themselves, with `jobs`."""

    def __init__(
        self,
        *steps: Step,
        parallelism: int = 1,
        allowed: float = inf,
        ready_seconds: float = 60.0,
        soak_seconds: float = 0.0,
        jobs: Sequence[NodeJob] = (),
        protocol: bool = True,
    ) -> None:
        self.now = 0.0
        self.jobs = {job.node: job for job in jobs}
        self.removed: list[str] = []
        followed = Protocol(ready_seconds=ready_seconds, namespace="kube-system")
        self.pacer = Pacer(
            steps,
            kind="install",
            digest=DIGEST,
            parallelism=parallelism,
            budget=FailureBudget(allowed),
            soak_seconds=soak_seconds,
            protocol=followed if protocol else None,
        )
        self._waiting: list[NodeCommand] = []

    def next(self, until: float = NEVER, kind: type = object, node: str = "") -> NodeCommand | None:
        """Let time pass until there is such a command, which is then to be answered.

        None if there is none before `until` or at all. Others wait for their answer.
        """
        while True:
            asked = self.pacer.poll(self.now)
            for command in asked:
                if isinstance(command, ListJobs):
                    self.pacer.on_list(self.now, command, list(self.jobs.values()))
                elif isinstance(command, RemoveJobs):
                    self.removed += command.nodes
                else:
                    self._waiting.append(command)
            for command in self._waiting:
                if isinstance(command, kind) and command.step.node.startswith(node):
                    self._waiting.remove(command)
                    return command
            if asked:
                continue
            wakeup = self.pacer.wakeup(self.now)
            if self.pacer.finished or wakeup >= until:
                self.now = self.now if self.pacer.finished else until
                return None
            self.now = wakeup

    def answer(self, command: NodeCommand, result: Result = DONE) -> None:
        self.pacer.on_result(self.now, command, result)

    def create(self) -> str:
        """Have the next Job created; return its node."""
        command = self.next(kind=CreateJob)
        assert command
        node = command.step.node
        self.jobs[node] = job(node)
        self.answer(command, Result(code=CommandStatus.DONE, uid=f"job-{node}"))
        self.pacer.on_job(self.now, self.jobs[node])
        return node

    def succeed(self, node: str) -> None:
        """End a node's Job well."""
        self.jobs[node] = job(node, JobState.SUCCEEDED)
        self.pacer.on_job(self.now, self.jobs[node])

    def install(self) -> str:
        """Run the Job of the next node; return the node, which then waits behind it."""
        node = self.create()
        self.succeed(node)
        return node

    def finish(self) -> str:
        """Have the next node installed, found serving and marked; return the node."""
        node = self.install()
        self.look(Service.SERVED)
        self.write()
        return node

    def change(self, node: str, *, labelled: bool = False) -> None:
        """Show a change of a node."""
        self.pacer.on_node(self.now, node, labelled=labelled)

    def look(self, result: Result | Service, node: str = "") -> float:
        """Answer the next look; return when it was asked for."""
        found = looked(result) if isinstance(result, Service) else result
        return self._answered(LookAtNode, node, found)

    def write(self, node: str = "", *, holds: bool = False, tainted: bool = False) -> float:
        """Answer the next write of mark and labels; return when it was asked for."""
        result = Result(code=CommandStatus.DONE, holds=holds, tainted=tainted)
        return self._answered(WriteMark, node, result)

    def phase(self, node: str) -> Phase:
        return self.pacer.nodes[node].phase

    @property
    def failures(self) -> dict[str, str]:
        return {failure.node: failure.text for failure in self.pacer.nodes.failures}

    def _answered(self, kind: type[AfterJob], node: str, result: Result) -> float:
        command = self.next(kind=kind, node=node)
        assert command
        self.answer(command, result)
        return self.now
