"""The work on one node: its Job, and what is written on the node before and after it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Protocol

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import node_mark
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.node_mark import Mark
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.step import Action, Step

Changes = Mapping[str, str | None]
"""Annotations or labels of a node to set; None removes one."""


class NodeWork(Protocol):
    """What is done to a node, and what is written on it at which point.

    `now` is the time of day (RFC 3339, UTC).
    """

    @property
    def request(self) -> InstallRequest | CleanupRequest:
        """What the work is for."""

    @property
    def stamp(self) -> JobStamp:
        """Makes the Jobs."""

    def objection(self, node: Node) -> str:
        """Return why a planned node, read right before its Job, is to be left out, if it is."""

    def begun_annotations(self, step: Step, node: Node, now: str) -> Changes:
        """Return what is written on a node, read right before, before its Job is created."""

    def superseded_annotations(self, step: Step, now: str) -> Changes:
        """Return what is written before a finished Job makes room for the next.

        A run that is killed between the two must leave a trace.
        """

    def failed_annotations(self, step: Step, now: str) -> Changes:
        """Return what is written as soon as a Job has failed: a moment later it may be gone."""

    def done_annotations(self, step: Step, now: str) -> Changes:
        """Return what is written once the Job has succeeded."""

    def done_labels(self, step: Step) -> Changes:
        """Return the labels that are set with it."""


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
            digest=self.request.rules().digest,
            node_timeout_seconds=self.request.node_timeout_seconds,
        )

    def objection(self, node: Node) -> str:
        """A node is left out that is deselected, NotReady or unfit now."""
        if not self.request.selection.includes(node):
            return "is no longer selected"
        if not node.ready and self.request.not_ready == "skip":
            return node.not_ready
        demands = self.request.demands
        return demands.unfit(node) or demands.other_distribution(node)

    def begun_annotations(self, step: Step, node: Node, now: str) -> Changes:
        """Nothing: the Job itself shows it."""
        del step, node, now
        return {}

    def superseded_annotations(self, step: Step, now: str) -> Changes:
        """The mark of an incomplete install, with the digest at which the finished Job failed."""
        failed = self.stamp.digest if step.failed_before else step.failed_at
        return self._mark(step, now, failed=failed)

    def failed_annotations(self, step: Step, now: str) -> Changes:
        """The mark of an install that has failed at this digest."""
        return self._mark(step, now, failed=self.stamp.digest)

    def done_annotations(self, step: Step, now: str) -> Changes:
        """The mark. A node that is only labelled has it already."""
        if step.action is Action.RELABEL:
            return {}
        return self._mark(step, now, digest=self.stamp.digest)

    def done_labels(self, step: Step) -> Changes:
        """The labels of a node that lacks nothing else: otherwise its Job has set them."""
        labels = self.request.demands.labels if step.action is Action.RELABEL else ()
        return dict.fromkeys(labels, "true")

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
        """A node is left out that is spared or NotReady now."""
        if self.request.spared and self.request.spared.includes(node):
            return "is selected again"
        return "" if node.ready else node.not_ready

    def begun_annotations(self, step: Step, node: Node, now: str) -> Changes:
        """The mark without a digest, where there is a whole one.

        Once the Job has removed Kata, only the Job would show it: if somebody deletes that, no
        whole mark must be left.
        """
        found = node_mark.parse(node.metadata.annotation(self._key))
        return self._broken_mark(step, now) if found and found.digest else {}

    def superseded_annotations(self, step: Step, now: str) -> Changes:
        """The mark without a digest, where the finished Job has left half of Kata."""
        return self._broken_mark(step, now) if step.failed_before else {}

    def failed_annotations(self, step: Step, now: str) -> Changes:
        """The mark without a digest: nothing is whole there now."""
        return self._broken_mark(step, now)

    def done_annotations(self, step: Step, now: str) -> Changes:
        """The mark goes."""
        del step, now
        return {self._key: None}

    def done_labels(self, step: Step) -> Changes:
        """The label that all installations share.

        The cleanup of 4.0.0 removes it even if another installation needs it.
        """
        return {names.RUNTIME_LABEL: "true"} if step.keeps_label else {}

    @property
    def _key(self) -> str:
        return names.mark_annotation(self.request.suffix)

    def _broken_mark(self, step: Step, now: str) -> Changes:
        mark = Mark(
            kata_version="",
            digest="",
            node_uid=step.node_uid,
            machine_id=step.machine_id,
            time=now,
            namespace=self.request.namespace,
        )
        return {self._key: node_mark.render(mark)}
