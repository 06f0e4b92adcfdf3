"""How nodes move from phase to phase as their Jobs change, and what is kept in step. Pure."""

from collections.abc import Collection, Sequence
from typing import Final

from kata_components.pacing.job_tracker import JobTracker
from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import ONCE_DONE, NodeRun, NodeRuns, Phase
from kata_components.pacing.protocol import Protocol
from kata_components.pacing.queues import DelayQueue, RemovalQueue, WaveQueue
from kata_components.pacing.wait import Wait
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.service import NOT_SERVING
from kata_components.planning.step import Step

_MAX_VANISHED: Final = 3
"""How often the Job of a node may vanish before the node counts as failed."""


class Transitions:
    """Moves the nodes of one rollout from phase to phase, and keeps queues and budget in step.

    `epoch` grows with every event: a list of Jobs requested in an earlier epoch may not show it.
    """

    def __init__(
        self,
        steps: Sequence[Step],
        jobs: JobTracker,
        queue: WaveQueue,
        budget: FailureBudget,
        protocol: Protocol | None,
    ) -> None:
        self.nodes = NodeRuns(steps)
        self.due = DelayQueue()
        self.removals = RemovalQueue(step.node for step in steps)
        self.epoch = 0
        self._jobs = jobs
        self._queue = queue
        self._budget = budget
        self._protocol = protocol

    def touch(self, run: NodeRun) -> None:
        """Note that something has happened to a node."""
        self.epoch += 1
        run.touched = self.epoch

    def enter(self, run: NodeRun, phase: Phase) -> None:
        """Move a node into a phase."""
        if phase in {Phase.DIAGNOSING, Phase.DEMOTING, Phase.FAILED}:
            # Before the reason is known: until then the next nodes would fail too.
            self._budget.failed(run.step.node, canary=run.step.canary)
        elif run.phase is Phase.AWAITING:
            self._budget.not_late(run.step.node)
        self.nodes.enter(run, phase)
        self.touch(run)

    def run(self, run: NodeRun, job_uid: str) -> None:
        """Make a node wait for the end of that Job."""
        run.job_uid = job_uid
        self.enter(run, Phase.RUNNING)

    def settle(self, run: NodeRun, phase: Phase, text: str = "") -> None:
        """Move a node into its last phase; `text` says why it failed or was left out."""
        was_done = run.phase in ONCE_DONE
        run.failure = text
        self.enter(run, phase)
        if was_done:
            return
        if phase is Phase.DONE:
            self._budget.recovered(run.step.node)
            if run.job_uid:
                self.removals.add(run.step.node)
        elif phase is Phase.DEPARTED:
            self._budget.departed(run.step.node, canary=run.step.canary)
        elif phase is Phase.SKIPPED:
            # A node that failed before still counts as failed.
            self._budget.left_out(run.step.node, text, canary=run.step.canary)
        self._queue.settled(run.step)

    def give_back(self, run: NodeRun) -> None:
        """Give back the slot of a node that cannot be worked on yet."""
        self.enter(run, Phase.QUEUED)
        self._queue.put_back(run.step)

    def advance(self, now: float, job: NodeJob) -> None:
        """Move the node of a Job to where the Job is, if it is a node of this run."""
        run = self.nodes.get(job.node)
        if run is None or self._jobs.is_deleted(job) or not self._jobs.is_ours(job, run.step):
            return
        ended_before = run.phase is Phase.QUEUED and not job.active
        # A Job that ended before this run started the node counts, unless the plan knew it to be
        # stale.
        if run.phase is Phase.QUEUED and job.uid != run.step.stale_job:
            self._queue.remove(run.step)
            self.enter(run, Phase.CREATING)
        if run.phase is Phase.CREATING:
            self.run(run, job.uid)
        if run.phase is Phase.RUNNING and run.job_uid == job.uid and not job.active:
            if job.state is JobState.FAILED:
                self.enter(run, Phase.DIAGNOSING)
            elif self._protocol:
                # What an earlier run could not bring to serve must not be forgotten by this one,
                # or each run would start as many nodes of a bad release as may fail.
                late = ended_before and run.step.service in NOT_SERVING
                run.wait = Wait(self._protocol, job.name, now, canary=run.step.canary, is_late=late)
                self._await(run, run.wait)
                return
            else:
                self.enter(run, Phase.MARKING)
            self.due.add_at(now, run.step.node)

    def _await(self, run: NodeRun, wait: Wait) -> None:
        """Make a node wait behind its Job."""
        run.holdup = None
        self.enter(run, Phase.AWAITING)
        self.look_at(run, wait.first_look)
        self.due.add_at(wait.late_at, run.step.node)

    def look_at(self, run: NodeRun, when: float) -> None:
        """Have a node looked at at a time, instead of any planned before."""
        run.next_look = when
        self.due.add_at(when, run.step.node)

    def vanish(self, now: float, run: NodeRun) -> None:
        """Restart a node whose Job was deleted while it ran, a few times."""
        run.vanished += 1
        run.replaces = run.job_uid
        self.enter(run, Phase.DIAGNOSING if run.vanished >= _MAX_VANISHED else Phase.CREATING)
        self.due.add_at(now, run.step.node)

    def vanish_all_but(self, now: float, uids: Collection[str], epoch: int) -> None:
        """Restart every node whose Job is not among those in a list of that epoch."""
        for node in list(self.nodes.holders):
            run = self.nodes[node]
            # A list requested before the node was last touched may be older than its Job.
            if run.phase is Phase.RUNNING and run.job_uid not in uids and run.touched < epoch:
                self.vanish(now, run)

    def give_up_on_dead_nodes(self) -> None:
        """Kubernetes never ends a Job whose pod hangs on a dead node; it stays tied to its host."""
        for job in self._jobs.overdue():
            run = self.nodes.get(job.node)
            if run and run.phase is Phase.RUNNING and run.job_uid == job.uid:
                self.settle(run, Phase.FAILED, run.overdue)
            elif run and run.phase is Phase.QUEUED:
                self._queue.remove(run.step)
                self.settle(
                    run,
                    Phase.FAILED,
                    f"the Job {job.name} did not end in time; is the node alive?",
                )
