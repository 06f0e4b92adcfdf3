"""Creates the Jobs of nodes, each on facts of that moment: planning may lie hours back."""

from typing import Final

from kata_components.errors import ApiError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.pods import Pod
from kata_components.rollout.commands import Code, CreateJob, Result
from kata_components.rollout.step import Step
from kata_components.runner.lease import HeldLease
from kata_components.runner.orders import Orders

_ENDED: Final = {"Succeeded", "Failed"}
_SERVER_ERROR: Final = 500


class Creator:
    """Creates the Jobs of one stage; every node is read right before, which is one request for each.

    After a create without an answer, its node is not looked at again before the same command is
    repeated: the Job may be there, so that it is too late to leave it out.
    """

    def __init__(self, api: KubeApi, orders: Orders, lease: HeldLease) -> None:
        self._api = api
        self._orders = orders
        self._lease = lease
        self._unsure: set[CreateJob] = set()

    def is_unsure(self, command: CreateJob) -> bool:
        """Whether this very command was tried before and got no answer."""
        return command in self._unsure

    async def create(self, command: CreateJob, step: Step) -> Result:
        """Create the Job, or return why not.

        Raises:
            ClusterError: node or pods could not be read, or the Job could not be created.
        """
        if command not in self._unsure and (instead := await self._instead(command, step)):
            return instead
        if not self._lease.fresh:
            return Result(code=Code.UNKNOWN)
        stamp, namespace = self._orders.stamp, self._orders.namespace
        manifest = stamp.manifest(step.node, node_uid=step.node_uid, machine_id=step.machine_id)
        self._unsure.add(command)
        try:
            job = await self._api.create_job(namespace, manifest)
        except ApiError as error:
            if not error.conflict and error.status < _SERVER_ERROR:
                self._unsure.discard(command)
            raise
        self._unsure.discard(command)
        return Result(code=Code.DONE, uid=job.metadata.uid)

    async def _instead(self, command: CreateJob, step: Step) -> Result | None:
        """Return what to answer instead of creating the Job, None when it is to be created."""
        if command.replaces:
            job = self._orders.stamp.name(step.node)
            pods = await self._api.list_pods(self._orders.namespace, f"job-name={job}")
            if any(map(_works, pods)):
                return Result(code=Code.UNKNOWN, text=f"a pod of its Job {job} still works, though the Job is gone")
        try:
            node = await self._api.get_node(step.node)
        except ApiError as error:
            if not error.not_found:
                raise
            return Result(code=Code.DEPARTED)
        if node.metadata.uid != step.node_uid:
            return Result(code=Code.DEPARTED)
        is_other = node.info.machine_id != step.machine_id
        objection = "another machine has its name by now" if is_other else self._orders.objection(step, node)
        return Result(code=Code.SKIPPED, text=objection) if objection else None


def _works(pod: Pod) -> bool:
    """Whether a pod may still change its host: one that was told to end goes on for its grace period."""
    return pod.status is None or pod.status.phase not in _ENDED
