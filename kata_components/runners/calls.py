"""Sends the pacer's commands about nodes: one request each, or a few."""

import contextlib
from collections.abc import Callable

from kata_components import names
from kata_components.errors import ApiError, ClusterError
from kata_components.foreign import bounded
from kata_components.kubernetes.nodes import Node
from kata_components.pacing.commands import (
    CommandStatus,
    CreateJob,
    DeleteJob,
    Diagnose,
    LiftTaints,
    LookAtNode,
    NodeCommand,
    RemoveJobs,
    Result,
    WriteFailure,
    WriteMark,
)
from kata_components.pacing.holdup import Holdup
from kata_components.planning import demands, node_jobs
from kata_components.planning.node_mark import Machine
from kata_components.planning.node_work import NodeWork
from kata_components.planning.requests import InstallRequest
from kata_components.planning.service import Service, registers_labels_again, service_of
from kata_components.planning.step import Step
from kata_components.planning.taints import startup_taints
from kata_components.runners.claims import Claims
from kata_components.runners.clock import timestamp
from kata_components.runners.creating import Creator
from kata_components.runners.diagnosis import diagnose
from kata_components.runners.lifting import lift
from kata_components.runners.marking import done_change, patch
from kata_components.runners.node_watch import NodeWatch, has_kept_labels
from kata_components.runners.run import Run
from kata_components.runners.traces import Traces

_DONE = Result(code=CommandStatus.DONE)
_UNKNOWN = Result(code=CommandStatus.UNKNOWN)


class Calls:
    """Sends commands; callers handle errors and see to it that each is answered in time."""

    def __init__(
        self, run: Run, work: NodeWork, watch: NodeWatch, holdup: Callable[[str], Holdup | None]
    ) -> None:
        self._run = run
        self._api = run.api
        self._work = work
        self._watch = watch
        self._holdup = holdup
        """What holds up the Job of a node."""
        self._traces = Traces(run.api, work, watch)
        self._creator = Creator(run, work, Claims(run, work, watch))
        request = work.request
        self._demands = request.demands if isinstance(request, InstallRequest) else demands.NONE
        self._said_unreported = False

    def is_unsure(self, command: NodeCommand) -> bool:
        """Whether this very command was tried before and may have created a Job."""
        return isinstance(command, CreateJob) and self._creator.is_unsure(command)

    async def send(self, command: NodeCommand) -> Result:
        """Send a command; nothing is sent on a stale Lease, as somebody else may already work.

        Raises:
            ClusterError: a request was refused, or not answered.
        """
        if not self._run.lease.fresh:
            # The pacer repeats the command after a while.
            return _UNKNOWN
        match command:
            case CreateJob():
                result = await self._creator.create(command)
            case DeleteJob():
                result = await self._delete(command)
            case Diagnose():
                result = await self._diagnose(command)
            case LookAtNode(step):
                result = await self._look(step)
            case WriteMark(step):
                result = await self._write_mark(step)
            case WriteFailure(step):
                result = await self._demote(step)
            case LiftTaints(step):
                result = await self._lift_taints(step)
        return result

    async def remove(self, command: RemoveJobs) -> None:
        """Remove finished Jobs; what is left is removed at the end, or by the next run."""
        labels = ",".join(map(names.node_label, command.nodes))
        through = node_jobs.JOB_KINDS.index(self._work.stamp.kind) + 1
        with contextlib.suppress(ClusterError):
            for kind in node_jobs.JOB_KINDS[:through]:
                selector = (
                    f"{node_jobs.selector(self._run.suffix, kind)},{names.NODE_LABEL} in ({labels})"
                )
                await self._run.lease.when_fresh(
                    self._api.delete_jobs(
                        self._run.namespace, selector, field_selector="status.successful=1"
                    )
                )

    async def _delete(self, command: DeleteJob) -> Result:
        step = command.step.superseding(command.job)
        if unwritten := await self._traces.before_removal(step):
            return Result(code=unwritten)
        await self._api.delete_job(self._run.namespace, command.job.name, command.job.uid)
        return _DONE

    async def _diagnose(self, command: Diagnose) -> Result:
        step = command.step
        if not await self._traces.of_failure(step):
            return _UNKNOWN
        held_up = self._holdup(step.node)
        return await diagnose(self._api, self._run.namespace, step, command.job, held_up)

    async def _look(self, step: Step) -> Result:
        node = await self._api.get_node(step.node)
        labelled = has_kept_labels(self._work, step, node.metadata)
        if not node.info.machine_id:
            # Perhaps another machine has its name now: until it says so, it is not known to serve.
            return Result(
                code=CommandStatus.DONE,
                service=Service.NOT_READY,
                text="it does not report its machineID",
                labelled=labelled,
            )
        if _is_another(step, node):
            return Result(code=CommandStatus.DEPARTED)
        service = service_of(node, self._demands)
        if service is Service.UNKNOWN and not self._said_unreported:
            self._said_unreported = True
            self._run.reporter.message(
                f"node {step.node} does not report the handlers of its container runtime "
                "(Kubernetes does from 1.30 on): there, Kata is taken to work once the Job has "
                "succeeded and the node is Ready"
            )
        return Result(
            code=CommandStatus.DONE,
            service=service,
            text=_found(node, service),
            labelled=labelled,
        )

    async def _write_mark(self, step: Step) -> Result:
        node = await patch(self._api, step, done_change(self._work, step))
        self._watch.written(node.metadata)
        return Result(
            code=CommandStatus.DONE,
            holds=registers_labels_again(node),
            tainted=bool(startup_taints(node, self._demands.startup_taints)),
        )

    async def _demote(self, step: Step) -> Result:
        node = await patch(self._api, step, self._work.failed(step, timestamp(), demote=True))
        self._watch.written(node.metadata)
        return _DONE

    async def _lift_taints(self, step: Step) -> Result:
        """Lift them as the node is now: others change its taints as well."""
        node = await self._api.get_node(step.node)
        if _is_another(step, node):
            return Result(code=CommandStatus.DEPARTED)
        if not has_kept_labels(self._work, step, node.metadata):
            return Result(code=CommandStatus.DONE, labelled=False)
        try:
            answer = await lift(self._api, step, node, self._demands.startup_taints)
        except ApiError as error:
            if not error.conflict:
                raise
            return Result(code=CommandStatus.UNKNOWN, text=str(error), answered=True)
        self._watch.written(answer.metadata)
        return _DONE


def _is_another(step: Step, node: Node) -> bool:
    return Machine.of(node) != step.machine


def _found(node: Node, service: Service) -> str:
    """Return what a node reports that does not serve."""
    match service:
        case Service.NOT_READY:
            return node.trouble
        case Service.NOT_SERVED:
            handlers = sorted(filter(None, node.handlers or ()))
            return bounded(f"it reports only {', '.join(handlers)}") if handlers else ""
        case _:
            return ""
