"""Creates the Jobs of nodes once they are claimed and nothing works on them any more."""

import asyncio
from typing import Final

from kata_components import names
from kata_components.errors import ApiError
from kata_components.kubernetes.nodes import NodeInfo
from kata_components.pacing.commands import CommandStatus, CreateJob, Result
from kata_components.planning import node_jobs
from kata_components.planning.node_work import NodeWork
from kata_components.runners.claims import Claims
from kata_components.runners.run import Run

_SERVER_ERROR: Final = 500
_JOB_NAME: Final = "job-name"
"""The label that the Job controller puts on the pods of a Job."""


class Creator:
    """Creates the Jobs of one kind, each right after its node was claimed.

    Pods outlive their Jobs: a Job that was deleted, or failed at its deadline (Kubernetes 1.30 and
    before), leaves a pod that works until the end of its grace period. Those of earlier runs are
    listed once.

    After a create without an answer, the node is not claimed again before the command is repeated:
    the Job may exist, and then it is too late to leave the node out. Only the pod that such a Job
    may have left is looked for: an outage may have lasted until the Job was deleted by hand. If the
    node has lost its slot since, its turn may come much later, and by then the Job would have been
    seen.
    """

    def __init__(self, run: Run, work: NodeWork, claims: Claims) -> None:
        self._api = run.api
        self._lease = run.lease
        self._work = work
        self._claims = claims
        self._unsure: set[str] = set()
        """The nodes whose last create got no answer."""
        self._infos: dict[str, NodeInfo] = {}
        """What the nodes report whose Jobs are being created."""
        self._suspects: set[str] | None = None
        """The Jobs of all kinds of which a pod worked when the first was to be made, and may do so
        still."""
        self._looking = asyncio.Lock()

    def is_unsure(self, command: CreateJob) -> bool:
        """Whether this very command was tried before and got no answer."""
        return command.again and command.step.node in self._unsure

    async def create(self, command: CreateJob) -> Result:
        """Create the Job, or return why not.

        Raises:
            ClusterError: node or pods could not be read, or the Job could not be created.
        """
        node = command.step.node
        if self.is_unsure(command):
            name = self._work.stamp.name(node)
            if await self._has_left_a_pod(name):
                return _still_works(name)
        else:
            self._unsure.discard(node)
            if instead := await self._instead(command):
                return instead
        if not self._lease.fresh:
            return Result(code=CommandStatus.UNKNOWN)
        manifest = self._work.stamp.job(command.step, self._infos[node])
        self._unsure.add(node)
        try:
            job = await self._api.create_job(self._work.request.namespace, manifest)
        except ApiError as error:
            if not error.conflict and error.status < _SERVER_ERROR:
                self._unsure.discard(node)
            raise
        self._unsure.discard(node)
        del self._infos[node]
        self._claims.used(command.step)
        return Result(code=CommandStatus.DONE, uid=job.metadata.uid)

    async def _instead(self, command: CreateJob) -> Result | None:
        """Claim the node; return what to answer instead of creating its Job, if anything."""
        step = command.step
        if job := await self._ending(command):
            return _still_works(job)
        node = await self._claims.claim(step)
        if isinstance(node, Result):
            return node
        self._infos[step.node] = node.info
        return None

    async def _ending(self, command: CreateJob) -> str:
        """Return a Job of the node, if any, that has ended or is gone while its pod works."""
        node, suffix = command.step.node, self._work.request.suffix
        async with self._looking:
            if self._suspects is None:
                self._suspects = await self._at_work(node_jobs.selector(suffix))
        own = {names.job_name(names.job_prefix(suffix, kind), node) for kind in node_jobs.JOB_KINDS}
        asked = own & self._suspects | (
            {self._work.stamp.name(node)} if command.replaces else set()
        )
        if not asked:
            return ""
        found = await self._at_work(f"{_JOB_NAME} in ({','.join(sorted(asked))})")
        self._suspects -= asked - found
        return min(found, default="")

    async def _has_left_a_pod(self, job: str) -> bool:
        """Whether a pod works on whose Job is gone; while the Job exists, no other is created."""
        if not await self._at_work(f"{_JOB_NAME}={job}"):
            return False
        selector = node_jobs.selector(self._work.request.suffix)
        listed = await self._api.list_jobs(self._work.request.namespace, selector)
        return all(there.metadata.name != job for there in listed.items)

    async def _at_work(self, selector: str) -> set[str]:
        pods = await self._api.list_pods(
            self._work.request.namespace, selector, "status.phase!=Succeeded"
        )
        return {pod.metadata.label(_JOB_NAME) or "" for pod in pods if not pod.has_ended}


def _still_works(job: str) -> Result:
    return Result(
        code=CommandStatus.UNKNOWN,
        answered=True,
        text=f"a pod of the Job {job} still works on it, although the Job has ended",
    )
