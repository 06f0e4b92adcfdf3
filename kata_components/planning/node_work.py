"""The work on one node: its Job, and what is written on the node before and after it. Pure."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import Metadata
from kata_components.planning import node_labels, node_mark, node_results
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.node_change import Changes, NodeChange
from kata_components.planning.node_jobs import is_token_free, unreported
from kata_components.planning.node_mark import Mark
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.step import Action, Step
from kata_components.planning.verdict import Rules, barred


class NodeWork(Protocol):
    """What is done to a node, and what is written on it when.

    `now` is the time of day (RFC 3339, UTC), `seen` the node's metadata as they are. A change that
    is made from them may only be written to that version of the node: otherwise it could undo what
    another installation has written since.
    """

    @property
    def request(self) -> InstallRequest | CleanupRequest:
        """What the work is for."""

    @property
    def stamp(self) -> JobStamp:
        """Makes the Jobs."""

    def objection(self, node: Node) -> str:
        """Return why a planned node, read right before its Job, is to be left out, if it is."""

    def begun(self, step: Step, seen: Metadata, now: str) -> NodeChange | None:
        """Return what is written before a Job is created; None if all of it is there."""

    def superseded(self, step: Step, now: str) -> NodeChange | None:
        """Return what is written before a finished Job makes room for the next, if anything.

        A run that is killed between the two must leave a trace.
        """

    def failed(self, step: Step, now: str, *, demote: bool = False) -> NodeChange:
        """Return what is written as soon as a Job has failed: a moment later, it may be gone.

        `demote`: the Job has succeeded, and its node does not serve Kata. Its own label suffices:
        RuntimeClasses ask for both, and the shared one may be another installation's.
        """

    def done(self, step: Step, seen: Metadata | None, now: str) -> NodeChange:
        """Return what is written once the Job has succeeded, and the node serves or is clean.

        `seen` is needed where `reads_before_done`.
        """

    @property
    def reads_before_done(self) -> bool:
        """Whether other installations count when the work is done."""

    def kept_labels(self, step: Step) -> Changes:
        """Return the labels that something else may take off the node while the work goes on."""

    def mended(self, step: Step, seen: Metadata) -> NodeChange | None:
        """Return what is written as soon as a kept label is gone; None: nothing, or only later."""


@dataclass(frozen=True)
class InstallWork:
    """Installing on a node."""

    request: InstallRequest

    @cached_property
    def stamp(self) -> JobStamp:
        """Makes the install Jobs."""
        return JobStamp(
            template=self.request.job,
            kind="install",
            suffix=self.request.suffix,
            digest=self._rules.digest,
            node_timeout_seconds=self.request.node_timeout_seconds,
        )

    def objection(self, node: Node) -> str:
        """A node is left out that is deselected, or on which no Job can run now."""
        if not self.request.selection.includes(node):
            return "no longer selected"
        found = barred(node, self._rules)
        return found.reason if found else ""

    @property
    def is_token_free(self) -> bool:
        """Whether the Jobs leave labels and taints of their node to whoever paces."""
        return self._rules.token_free

    def begun(self, step: Step, seen: Metadata, now: str) -> NodeChange | None:
        """The claim: labels that are missing become `false`.

        A node that serves stays so while it is upgraded, with its mark. Where the machine was
        replaced, what its labels say is not true any more. A Job that labels its node does not set
        the label that a cleanup has made `false`, so that goes.
        """
        if not self.is_token_free:
            left = seen.label(names.instance_label(self.request.suffix)) == "false"
            return self.superseded(replace(step, undone=True), now) if left else None
        labels = node_labels.claimed(seen, self.request.suffix)
        if step.action is Action.REBUILT:
            labels = {**labels, **node_labels.demoted(seen, self.request.suffix, step.machine)}
        trace = {} if self._is_traced(step, seen) else self._trace(step, now)
        return NodeChange(annotations=trace, labels=labels) if trace or labels else None

    def superseded(self, step: Step, now: str) -> NodeChange:
        """The mark of an incomplete install, with the digest at which the finished Job failed.

        On another machine, what the label says is not true any more; after a cleanup, see `begun`.
        """
        labels: Changes = {}
        if self.is_token_free and step.action is Action.REBUILT:
            labels = self._own_label("false")
        elif not self.is_token_free and step.undone:
            labels = self._own_label(None)
        return NodeChange(annotations=self._trace(step, now), labels=labels)

    def failed(self, step: Step, now: str, *, demote: bool = False) -> NodeChange:
        """The mark of an install that has failed at this digest."""
        trace = self._mark(step, now, failed=self.stamp.digest)
        return NodeChange(annotations=trace, labels=self._own_label("false") if demote else {})

    def done(self, step: Step, seen: Metadata | None, now: str) -> NodeChange:
        """The mark, the labels that no Job has set, and what became of a Job.

        A node that only lacks labels has its mark already. All of it is true whatever other
        installations have written since the node was read.
        """
        del seen
        relabels = step.action is Action.RELABEL
        mark = {} if relabels else self._mark(step, now, digest=self.stamp.digest)
        labels = self._labels if relabels or self.is_token_free else self._own_label("true")
        change = NodeChange(annotations=mark, labels=labels)
        reports = self.request.node_results and not step.action.writes_only
        return change.followed_by(node_results.succeeded(now)) if reports else change

    @property
    def reads_before_done(self) -> bool:
        """No: a node that serves needs both labels, whoever else is there."""
        return False

    def kept_labels(self, step: Step) -> Changes:
        """Both where no Job sets them: a kubelet that restarts may register old ones."""
        del step
        return self._labels if self.is_token_free else {}

    def mended(self, step: Step, seen: Metadata) -> None:
        """Nothing: the pacer decides when labels are written again."""

    @cached_property
    def _rules(self) -> Rules:
        return self.request.rules()

    @property
    def _labels(self) -> Changes:
        return dict.fromkeys(node_labels.both(self.request.suffix), "true")

    def _own_label(self, value: str | None) -> Changes:
        return {names.instance_label(self.request.suffix): value}

    def _trace(self, step: Step, now: str) -> Changes:
        failed = self.stamp.digest if step.failed_before else step.failed_at
        return self._mark(step, now, failed=failed)

    def _is_traced(self, step: Step, seen: Metadata) -> bool:
        """Whether the mark tells of this install already, or of one that serves until then."""
        found = node_mark.parse(seen.annotation(names.mark_annotation(self.request.suffix)))
        if found is None or found.machine != step.machine:
            return False
        if found.digest:
            return step.action in {Action.UPGRADE, Action.RESUME}
        (value,) = self._trace(step, found.time).values()
        return node_mark.render(found) == value

    def _mark(self, step: Step, now: str, digest: str = "", failed: str = "") -> Changes:
        mark = Mark(
            kata_version=self.request.kata_version,
            digest=digest,
            node_uid=step.node_uid,
            machine_id=step.machine_id,
            time=now,
            failed=failed,
            namespace=self.request.namespace,
            adopted=step.action is Action.ADOPT,
        )
        return {names.mark_annotation(self.request.suffix): node_mark.render(mark)}


@dataclass(frozen=True)
class CleanupWork:
    """Taking an installation off a node."""

    request: CleanupRequest

    @cached_property
    def stamp(self) -> JobStamp:
        """Makes the cleanup Jobs."""
        return JobStamp(
            template=self.request.job,
            kind="cleanup",
            suffix=self.request.suffix,
            digest=self.request.digest,
            node_timeout_seconds=self.request.node_timeout_seconds,
        )

    def objection(self, node: Node) -> str:
        """A node is left out that is spared, or on which no Job can run now."""
        if self.request.spared and self.request.spared.includes(node):
            return "selected again"
        if not node.ready:
            return node.not_ready
        return unreported(node) if self._is_token_free else ""

    def begun(self, step: Step, seen: Metadata, now: str) -> NodeChange:
        """The mark without a digest, and labels that do not say that Kata is there.

        Whoever removes the Job must not leave a node behind that looks installed. That an install
        has failed is still known if the cleanup gets no further.
        """
        labels = node_labels.demoted(seen, self.request.suffix, step.machine)
        found = node_mark.parse(seen.annotation(self._key))
        failed = found.failed if found and found.machine == step.machine else ""
        return NodeChange(annotations=self._broken_mark(step, now, failed), labels=labels)

    def superseded(self, step: Step, now: str) -> NodeChange | None:
        """The mark without a digest, where the finished Job has left half of Kata."""
        return NodeChange(annotations=self._broken_mark(step, now)) if step.failed_before else None

    def failed(self, step: Step, now: str, *, demote: bool = False) -> NodeChange:
        """The mark without a digest: nothing is whole any more."""
        del demote
        return NodeChange(annotations=self._broken_mark(step, now))

    def done(self, step: Step, seen: Metadata | None, now: str) -> NodeChange:
        """Mark, labels and results go; the shared label only with the last installation."""
        del now
        assert seen is not None, "who writes that a cleanup is done reads the node before"
        left = node_labels.released if self._is_token_free else node_labels.restored
        return self._gone(seen, left(seen, self.request.suffix, step.machine))

    def given_up(self, step: Step, seen: Metadata) -> NodeChange:
        """Return the same for a node on which no Job could run."""
        return self._gone(seen, node_labels.released(seen, self.request.suffix, step.machine))

    @property
    def reads_before_done(self) -> bool:
        """Yes: the shared label goes with the last installation."""
        return True

    def kept_labels(self, step: Step) -> Changes:
        """The shared one if another installation needs it: the Jobs of 4.0.0 take it off."""
        lost = step.keeps_label and not self._is_token_free
        return {names.RUNTIME_LABEL: "true"} if lost else {}

    def mended(self, step: Step, seen: Metadata) -> NodeChange | None:
        """The shared label, before a kubelet that restarts rejects the pods of the others."""
        is_gone = seen.label(names.RUNTIME_LABEL) is None
        if not is_gone or not node_labels.is_shared(seen, self.request.suffix, step.machine):
            return None
        return NodeChange(labels=self.kept_labels(step))

    @property
    def _is_token_free(self) -> bool:
        return is_token_free(self.request.job)

    @property
    def _key(self) -> str:
        return names.mark_annotation(self.request.suffix)

    def _gone(self, seen: Metadata, labels: Changes) -> NodeChange:
        change = NodeChange(annotations={self._key: None}, labels=labels)
        return change.followed_by(node_results.removed(seen))

    def _broken_mark(self, step: Step, now: str, failed: str = "") -> Changes:
        mark = Mark(
            kata_version="",
            digest="",
            node_uid=step.node_uid,
            machine_id=step.machine_id,
            time=now,
            failed=failed,
            namespace=self.request.namespace,
        )
        return {self._key: node_mark.render(mark)}
