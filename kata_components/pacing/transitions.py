"""The transitions of nodes from phase to phase: what Jobs bring about, and who has to know of each."""

from collections.abc import Collection, Sequence
from typing import Final

from kata_components.pacing.delay_queue import DelayQueue
from kata_components.pacing.failure_budget import Budget
from kata_components.pacing.finished_jobs import Spent
from kata_components.pacing.job_tracker import JobTracker
from kata_components.pacing.node_run import NodeRun, NodeRuns, Phase
from kata_components.pacing.wave_queue import WaveQueue
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.step import Step

_MAX_VANISHED: Final = 3
"""So often a Job may disappear from under a node before the node counts as failed."""


class Transitions:
    """Moves the nodes of one rollout on, and keeps queue, budget, due and the list of spent Jobs in step with them.

    `epoch` grows with whatever happens: a list of Jobs that was asked for in an earlier one may be
    older than that.
    """

    def __init__(
        self, steps: Sequence[Step], jobs: JobTracker, queue: WaveQueue, budget: Budget
    ) -> None:
        self.nodes = NodeRuns(steps)
        self.due = DelayQueue()
        self.spent = Spent(step.node for step in steps)
        self.epoch = 0
        self._jobs = jobs
        self._queue = queue
        self._budget = budget

    def touch(self, run: NodeRun) -> None:
        """Take note that something has happened to a node."""
        self.epoch += 1
        run.touched = self.epoch

    def enter(self, run: NodeRun, phase: Phase) -> None:
        """Move a node into a phase in which it is not settled yet."""
        if phase in {Phase.INSPECTING, Phase.FAILED}:
            # Before it is known why: until then the next nodes would fail too.
            self._budget.failed(run.step.node, canary=run.step.canary)
        self.nodes.enter(run, phase)
        self.touch(run)

    def run(self, run: NodeRun, job_uid: str) -> None:
        """Have a node wait for the end of that Job."""
        run.job_uid = job_uid
        self.enter(run, Phase.RUNNING)

    def settle(self, run: NodeRun, phase: Phase, text: str = "") -> None:
        """Move a node into a phase that is the end of it.

        `text` says why it failed or was left out.
        """
        run.failure = text
        self.enter(run, phase)
        if phase is Phase.DONE:
            self._budget.recovered(run.step.node)
            if run.job_uid:
                self.spent.add(run.step.node)
        elif phase is Phase.DEPARTED:
            self._budget.departed(run.step.node, canary=run.step.canary)
        elif phase is Phase.SKIPPED:
            # One that failed before is as it was.
            self._budget.left_out(run.step.node, text, canary=run.step.canary)
        self._queue.settled(run.step)

    def give_back(self, run: NodeRun) -> None:
        """Give the slot of a node back that cannot be worked on yet."""
        self.enter(run, Phase.QUEUED)
        self._queue.put_back(run.step)

    def advance(self, now: float, job: NodeJob) -> None:
        """Move the node of a Job on as far as that Job is, if it is one of this run."""
        run = self.nodes.get(job.node)
        if run is None or self._jobs.is_deleted(job) or not self._jobs.is_ours(job, run.step):
            return
        # A Job that ended before this run took the node up is its own unless the plan knew that it
        # is stale.
        if run.phase is Phase.QUEUED and job.uid != run.step.stale_job:
            self._queue.remove(run.step)
            self.enter(run, Phase.CREATING)
        if run.phase is Phase.CREATING:
            self.run(run, job.uid)
        if run.phase is Phase.RUNNING and run.job_uid == job.uid and not job.active:
            self.enter(
                run, Phase.RECORDING if job.state is JobState.SUCCEEDED else Phase.INSPECTING
            )
            self.due.add_at(now, run.step.node)

    def vanish(self, now: float, run: NodeRun) -> None:
        """Have a node whose Job was deleted under it begin again, a few times."""
        run.vanished += 1
        run.replaces = run.job_uid
        self.enter(run, Phase.INSPECTING if run.vanished >= _MAX_VANISHED else Phase.CREATING)
        self.due.add_at(now, run.step.node)

    def vanish_all_but(self, now: float, uids: Collection[str], epoch: int) -> None:
        """Do so with every node whose Job is not among those that a list of that epoch has shown."""
        for node in list(self.nodes.holders):
            run = self.nodes[node]
            # A list sent before the node was last touched may be older than its Job.
            if run.phase is Phase.RUNNING and run.job_uid not in uids and run.touched < epoch:
                self.vanish(now, run)

    def give_up_on_dead_nodes(self) -> None:
        """Kubernetes ends no Job whose pod hangs on a dead node. It keeps its host."""
        for job in self._jobs.overdue():
            run = self.nodes.get(job.node)
            if run and run.phase is Phase.RUNNING and run.job_uid == job.uid:
                self.settle(run, Phase.FAILED, run.overdue)
            elif run and run.phase is Phase.QUEUED:
                self._queue.remove(run.step)
                self.settle(
                    run,
                    Phase.FAILED,
                    f"the Job {job.name} works on it and did not end in time; is it alive?",
                )
