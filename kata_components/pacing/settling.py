"""What a node goes through behind a Job that has succeeded. Pure.

A Job that labels its node itself leaves only the mark: MARKING ──► DONE. Behind the others, with a
`Protocol`:

    AWAITING ──► MARKING ◄──► HOLDING ──► LIFTING ──► DONE ──► DRIFTED ──► MENDING ──► DONE
        │            (labels do not hold)               (labels were changed)
        ├──► DEMOTING ──► FAILED
        └──► FAILED

AWAITING lasts until the node is Ready and serves Kata. It holds no slot, but while as many nodes
wait as may be at work, no further one starts, and one that waits for long counts as failed until it
serves: otherwise a bad release would run through a whole wave before its first node has failed. The
Jobs that run by then may add to those that wait, so that with N slots a run has at most 2 N - 1
nodes between the start of their Job and the end of AWAITING.

Only where kubelets set old labels again do nodes pass HOLDING, and only those with startup taints
pass LIFTING. Nodes that need no Job begin with MARKING. If the labels of a node are changed once it
is done, it is looked at before they are written again: another machine may have its name.
"""

from collections.abc import Collection, Mapping
from typing import Final

from kata_components.kubernetes.backoff import Attempts
from kata_components.pacing.commands import (
    AfterJob,
    CommandStatus,
    LiftTaints,
    LookAtNode,
    Result,
    WriteFailure,
    WriteMark,
)
from kata_components.pacing.holdup import Holdup
from kata_components.pacing.limits import FailureBudget
from kata_components.pacing.node_run import ONCE_DONE, NodeRun, Phase
from kata_components.pacing.protocol import Protocol
from kata_components.pacing.transitions import Transitions
from kata_components.pacing.wait import Verdict
from kata_components.planning.service import NOT_SERVING, Service

_DEPARTED: Final = {CommandStatus.GONE, CommandStatus.CONFLICT, CommandStatus.DEPARTED}
"""The node is gone or another machine has its name: neither a success nor a failure."""
_PHASES: Final[Mapping[type[AfterJob], Collection[Phase]]] = {
    LookAtNode: {Phase.AWAITING, Phase.HOLDING, Phase.DRIFTED},
    WriteMark: {Phase.MARKING, Phase.MENDING},
    WriteFailure: {Phase.DEMOTING},
    LiftTaints: {Phase.LIFTING},
}
"""In which phases the answer to a command still means something."""


class Settling:
    """Takes nodes to their end once their Job has succeeded."""

    def __init__(
        self, protocol: Protocol | None, transitions: Transitions, budget: FailureBudget
    ) -> None:
        self._protocol = protocol
        self._transitions = transitions
        self._budget = budget

    def command(self, now: float, run: NodeRun) -> AfterJob | None:
        """Return what to do about a node at this moment, if anything."""
        match run.phase:
            case Phase.AWAITING if run.wait and now >= run.next_look:
                run.wait.look(now)
                return LookAtNode(run.step)
            case Phase.HOLDING | Phase.DRIFTED if now >= run.next_look:
                run.changed = False
                return LookAtNode(run.step)
            case Phase.MARKING | Phase.MENDING:
                return WriteMark(run.step)
            case Phase.DEMOTING:
                return WriteFailure(run.step, run.failure)
            case Phase.LIFTING:
                return LiftTaints(run.step)
            case _:
                return None

    def note_lateness(self, now: float, run: NodeRun) -> None:
        """Count a node that has waited for long; called when something about it is due."""
        if run.phase is Phase.AWAITING and run.wait and now >= run.wait.late_at:
            self._budget.late(run.step.node, canary=run.step.canary)
            self._transitions.nodes.note_late(run)

    def on_node(self, now: float, run: NodeRun, *, labelled: bool) -> None:
        """Process a change of a node; `labelled`: it has its labels as they were written."""
        match run.phase:
            case Phase.AWAITING if run.wait:
                run.wait.changed()
                # A repeated request has its own pauses.
                if not run.busy and run.attempts.count == 0:
                    self._transitions.look_at(run, max(now, run.wait.next_look))
            case Phase.HOLDING | Phase.LIFTING if self._protocol and not labelled:
                self._write_again(now, run, self._protocol)
            case Phase.DRIFTED if not labelled:
                run.changed = True
            case Phase.DONE if self._protocol and not labelled:
                self._transitions.enter(run, Phase.DRIFTED)
                self._transitions.look_at(run, now)
            case _:
                pass

    def on_result(self, now: float, command: AfterJob, run: NodeRun, result: Result) -> None:
        """Process the end of a command that is not to be repeated."""
        if run.phase not in _PHASES[type(command)]:
            # Its labels were seen to be changed in the meantime; the next command had to wait.
            self._transitions.due.add_at(now, run.step.node)
            return
        if result.code in _DEPARTED:
            # One that was done has been a success.
            was_done = run.phase in ONCE_DONE
            self._transitions.settle(run, Phase.DONE if was_done else Phase.DEPARTED)
            return
        match command:
            case WriteFailure():
                self._transitions.settle(run, Phase.FAILED, command.text)
            case LiftTaints() if self._protocol and not result.labelled:
                self._write_again(now, run, self._protocol)
            case LiftTaints():
                # They keep pods away that are not Kata's as well, but the node serves.
                self._transitions.settle(run, Phase.DONE, result.text)
            case _ if result.code is not CommandStatus.DONE:
                self._transitions.settle(run, Phase.FAILED, result.text)
            case WriteMark():
                self._written(now, run, result)
            case LookAtNode():
                self._looked(now, run, result)

    def _looked(self, now: float, run: NodeRun, result: Result) -> None:
        assert self._protocol, "nodes are looked at behind Jobs that do not label them"
        run.attempts = Attempts()
        if run.phase is Phase.AWAITING and run.wait:
            self._judge(now, run, result, self._protocol)
        elif run.phase is Phase.DRIFTED:
            self._checked(now, run, result, self._protocol)
        elif not result.labelled:
            self._write_again(now, run, self._protocol)
        else:
            self._lift(now, run)

    def _checked(self, now: float, run: NodeRun, result: Result, protocol: Protocol) -> None:
        """Process a look at a node that was done when its labels were changed."""
        if run.changed:
            # Perhaps after the look.
            self._transitions.look_at(run, now + protocol.look_pause)
        elif result.labelled or result.service in NOT_SERVING:
            # Its next change has it looked at again, and so does the next run.
            self._transitions.settle(run, Phase.DONE, run.failure)
        else:
            self._write_again(now, run, protocol)

    def _judge(self, now: float, run: NodeRun, result: Result, protocol: Protocol) -> None:
        assert run.wait
        assert result.service, "a look that was answered has judged the node"
        match run.wait.judged(result.service):
            case Verdict.WAITING:
                is_ready = result.service is not Service.NOT_READY
                what = "no handler of Kata yet" if is_ready else "NotReady after its Job"
                run.holdup = Holdup(what=what, detail=result.text)
                self._transitions.look_at(run, max(now, run.wait.next_look))
            case Verdict.SERVES:
                self._next(now, run, Phase.MARKING)
            case Verdict.NOT_READY:
                self._transitions.settle(run, Phase.FAILED, protocol.not_ready(result.text))
            case Verdict.NOT_SERVED:
                run.failure = protocol.not_served(result.text, run.wait.job)
                self._next(now, run, Phase.DEMOTING)

    def _written(self, now: float, run: NodeRun, result: Result) -> None:
        run.writes += 1
        run.tainted = result.tainted
        if self._protocol is None or run.phase is Phase.MENDING:
            self._transitions.settle(run, Phase.DONE, run.failure)
        elif result.holds:
            self._transitions.enter(run, Phase.HOLDING)
            self._transitions.look_at(run, now + self._protocol.hold_seconds)
        else:
            self._lift(now, run)

    def _lift(self, now: float, run: NodeRun) -> None:
        if run.tainted:
            self._next(now, run, Phase.LIFTING)
        else:
            self._transitions.settle(run, Phase.DONE)

    def _write_again(self, now: float, run: NodeRun, protocol: Protocol) -> None:
        if run.writes >= protocol.hold_tries:
            self._transitions.settle(run, Phase.FAILED, protocol.labels_do_not_hold)
        else:
            was_done = run.phase is Phase.DRIFTED
            self._next(now, run, Phase.MENDING if was_done else Phase.MARKING)

    def _next(self, now: float, run: NodeRun, phase: Phase) -> None:
        self._transitions.enter(run, phase)
        self._transitions.due.add_at(now, run.step.node)
