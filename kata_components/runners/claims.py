"""Claims nodes right before their Jobs: what is written on them first, and what it finds there."""

from dataclasses import dataclass

from kata_components.errors import ApiError
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.objects import Metadata
from kata_components.pacing.commands import CommandStatus, Result
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_jobs import unreported
from kata_components.planning.node_work import NodeWork
from kata_components.planning.step import Step
from kata_components.runners.clock import timestamp
from kata_components.runners.node_watch import NodeWatch
from kata_components.runners.run import Run


@dataclass
class _Claim:
    before: Metadata
    """The node before the first write."""
    change: NodeChange
    """All that has been written since."""


class Claims:
    """The claims of one kind of Jobs; a node is judged as it is then, as the plan may be hours old.

    Where a watch shows what an install's claim depends on, the answer to its PATCH is the fresh
    node, and no other request is needed.
    """

    def __init__(self, run: Run, work: NodeWork, watch: NodeWatch) -> None:
        self._api = run.api
        self._lease = run.lease
        self._work = work
        self._watch = watch
        self._claims: dict[str, _Claim] = {}

    async def claim(self, step: Step) -> Node | Result:
        """Return the claimed node; or what to answer if its Job is not to be created now.

        Raises:
            ClusterError: the node could not be read or written.
        """
        try:
            node = await self._begun(step)
            if not isinstance(node, Node):
                return node
            if _is_another(step, node):
                return Result(code=CommandStatus.DEPARTED)
            if objection := self._objection(step, node):
                return await self._withdrawn(step, node, objection)
        except ApiError as error:
            if not error.not_found:
                raise
            return Result(code=CommandStatus.DEPARTED)
        return node if self._lease.fresh else Result(code=CommandStatus.UNKNOWN)

    def used(self, step: Step) -> None:
        """Take note that the Job of a claimed node was created."""
        self._claims.pop(step.node, None)

    async def _begun(self, step: Step) -> Node | Result:
        """Write what has to be there before the Job; return the node as it is then.

        What a cleanup writes takes its node out of service, so the node is read and judged first.
        """
        node, seen = None, None
        if self._work.stamp.kind == "install":
            seen = await self._watch.latest(step)
        while self._lease.fresh:
            if seen is None:
                node = await self._api.get_node(step.node)
                if _is_another(step, node) or self._objection(step, node):
                    return node
                seen = node.metadata
            change = self._work.begun(step, seen, timestamp())
            if change is None:
                return node or await self._api.get_node(step.node)
            if not self._lease.fresh:
                break
            self._note(step, seen, change)
            try:
                return await self._write(step, change, seen.resource_version)
            except ApiError as error:
                if not error.conflict:
                    raise
            # Somebody has written to it since, or it is another node.
            self._watch.forget(step)
            seen = None
        return Result(code=CommandStatus.UNKNOWN)

    async def _withdrawn(self, step: Step, node: Node, objection: str) -> Result:
        """Take a needless claim back, as far as it is still there."""
        if claim := self._claims.get(step.node):
            if not self._lease.fresh:
                return Result(code=CommandStatus.UNKNOWN)
            change = claim.change.still_in(node.metadata).reverted(claim.before)
            try:
                if change.annotations or change.labels:
                    await self._write(step, change, node.metadata.resource_version)
            except ApiError as error:
                if not error.conflict:
                    raise
                # It is read again before the next try.
                self._watch.forget(step)
                return Result(code=CommandStatus.UNKNOWN)
            del self._claims[step.node]
        return Result(code=CommandStatus.SKIPPED, text=objection)

    async def _write(self, step: Step, change: NodeChange, version: str) -> Node:
        node = await self._api.patch_node(
            step.node,
            step.node_uid,
            annotations=change.annotations,
            labels=change.labels,
            resource_version=version,
        )
        self._watch.written(node.metadata)
        return node

    def _note(self, step: Step, before: Metadata, change: NodeChange) -> None:
        if claim := self._claims.get(step.node):
            claim.change = claim.change.followed_by(change)
        else:
            self._claims[step.node] = _Claim(before, change)

    def _objection(self, step: Step, node: Node) -> str:
        if node.info.machine_id == step.machine_id:
            return self._work.objection(node)
        return "another machine has its name now" if node.info.machine_id else unreported(node)


def _is_another(step: Step, node: Node) -> bool:
    return node.metadata.uid != step.node_uid
