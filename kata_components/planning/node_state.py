"""What the cluster says about one node: its labels, its mark, and the Jobs created for it. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import host_digest, node_labels, node_mark
from kata_components.planning.demands import Demands
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.node_mark import Machine, Mark, is_since


@dataclass(frozen=True, kw_only=True)
class NodeState:
    """A node as an installation finds it."""

    node: Node
    job: NodeJob | None
    """The install Job for the node's name, of whatever run and machine."""
    cleanup: NodeJob | None
    """The cleanup Job likewise."""
    suffix: str
    """The suffix of the installation."""
    namespace: str
    """The namespace of the installation."""
    digests: Mapping[int, str]
    """What is to be installed, as `host_digests` returns it."""
    demands: Demands
    has_neighbour: bool = False
    """Whether another installation has a Job there, running or finished."""
    token_free: bool = False
    """Whether the Jobs do not label their node: then, what it is labelled says little of the host,
    which is `false` all through an install."""

    @property
    def name(self) -> str:
        """The node's name."""
        return self.node.metadata.name

    @cached_property
    def mark(self) -> Mark | None:
        """Our mark, whatever machine it was written for."""
        written = self._written
        return None if written is None or written.is_of_another(self.namespace) else written

    @property
    def other_namespace(self) -> str:
        """The namespace of another installation with that suffix that has marked the node."""
        return self._written.namespace if self._written is not None and self.mark is None else ""

    @cached_property
    def _written(self) -> Mark | None:
        return node_mark.parse(self._value)

    @property
    def _value(self) -> str | None:
        return self.node.metadata.annotation(names.mark_annotation(self.suffix))

    @property
    def has_unreadable_mark(self) -> bool:
        """Whether the node carries a mark that cannot be read."""
        return self._value is not None and self._written is None

    @property
    def own_mark(self) -> Mark | None:
        """Our mark, if it was written for this machine."""
        return self.mark if self.mark is not None and self.mark.is_of(self.node) else None

    @property
    def is_adopted(self) -> bool:
        """Whether the node was only marked as it was found."""
        return self.mark is not None and self.mark.adopted

    @property
    def is_whole(self) -> bool:
        """Whether the mark says that the digest is on this machine, and no Job contradicts it.

        Pods are only scheduled there if the node also has its labels.
        """
        if self.own_mark is None or not self.is_marked_current:
            return False
        return not self.is_undone and not self.has_worked_since

    @property
    def is_marked_current(self) -> bool:
        """Whether the mark has the digest, by the recipe of the mark."""
        return self.mark is not None and self.digests.get(self.mark.schema) == self.mark.digest

    @property
    def has_worked_since(self) -> bool:
        """Whether this machine has a Job other than the one the mark was written for."""
        if self.mark is None or self.job is None or not self.job.is_of(self.node):
            return False
        if self.is_adopted and not self.job.digest and is_since(self.mark.time, self.job.created):
            # What others did there before the node was adopted was adopted with it. Jobs with a
            # digest are ours: with a fast clock in the mark, later ones would look adopted, too.
            return False
        return (self.job.digest, self.job.state) != (self.mark.digest, JobState.SUCCEEDED)

    @property
    def is_undone(self) -> bool:
        """Whether a cleanup has begun on this machine: it runs or has removed label or handlers."""
        if self.token_free and self.own_mark is not None and self.own_mark.is_of_cleanup:
            return True
        if self.cleanup is None or not self.cleanup.is_of(self.node):
            return False
        if self.cleanup.active:
            return True
        if self.token_free:
            return self._is_undone_by(self.cleanup)
        if not self.is_labelled or self._is_cleaned_under_another(self.cleanup):
            return True
        return self.demands.is_served_by(self.node) is False

    def _is_undone_by(self, cleanup: NodeJob) -> bool:
        """Whether a finished cleanup Job is newer than what would be here otherwise.

        A mark was written by another clock, so label and handlers count as well.
        """
        if self._last_install:
            return is_since(cleanup.created, self._last_install)
        if self.own_mark is None or not self.own_mark.digest:
            return True
        return (
            is_since(cleanup.created, self.own_mark.time)
            or self._own_label != "true"
            or self.demands.is_served_by(self.node) is False
        )

    def _is_cleaned_under_another(self, cleanup: NodeJob) -> bool:
        """Whether the cleanup is newer, where another installation may have restored the label."""
        shared = node_labels.is_shared(self.node.metadata, self.suffix, Machine.of(self.node))
        if not (shared or self.has_neighbour):
            return False
        marked = self.own_mark.time if self.own_mark is not None else ""
        installed = self._last_install or marked
        return not is_since(installed, cleanup.created)

    @property
    def _last_install(self) -> str:
        """When the install Job of this machine was created; empty if there is none."""
        return self.job.created if self.job is not None and self.job.is_of(self.node) else ""

    @property
    def _own_label(self) -> str | None:
        return self.node.metadata.label(names.instance_label(self.suffix))

    @property
    def is_out_of_service(self) -> bool:
        """Whether its own label says so, which a Job that labels its node leaves as it is.

        Token-free Jobs leave it behind, where an install has failed before a downgrade.
        """
        return not self.token_free and self._own_label == "false"

    @property
    def is_labelled(self) -> bool:
        """Whether the node is labelled as installed.

        From 4.1.0 on an installation has its own label beside the one that all share. Both are
        `false` while an install runs and once a cleanup has begun.
        """
        shared = self.node.metadata.label(names.RUNTIME_LABEL)
        return shared == "true" and self._own_label in {None, "true"}

    @property
    def own_job(self) -> NodeJob | None:
        """The install Job, if it is of this machine and of the digest."""
        fits = self.job is not None and self.job.digest == self.digest and self.job.is_of(self.node)
        return self.job if fits else None

    @property
    def is_installed(self) -> bool:
        """Whether its own Job has succeeded, and nothing has cleaned since.

        Such a node needs no further Job, so it does not matter whether it is Ready. If its mark is
        whole, more than the Job has succeeded.
        """
        succeeded = self.own_job is not None and self.own_job.state is JobState.SUCCEEDED
        if not succeeded or self.is_undone:
            return False
        return not self.is_whole if self.token_free else self.is_labelled

    @property
    def has_failed(self) -> bool:
        """Whether its own Job has failed, or the mark says that a previous one has."""
        if self.own_mark is not None and self.own_mark.failed == self.digest:
            return True
        return self.own_job is not None and self.own_job.state is JobState.FAILED

    @property
    def failed_at(self) -> str:
        """The digest, this one or another, at which its last Job failed or the mark says so."""
        if self.job is not None and self.job.is_of(self.node) and self.job.state is JobState.FAILED:
            return self.job.digest
        return self.own_mark.failed if self.own_mark is not None else ""

    @property
    def is_worked_on(self) -> bool:
        """Whether any Job is active for the node's name."""
        return any(job is not None and job.active for job in (self.job, self.cleanup))

    @property
    def digest(self) -> str:
        """The digest that is to be installed."""
        return host_digest.current(self.digests)
