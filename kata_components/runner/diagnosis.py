"""Why a node's Job failed: the stage, its exit code and reason, and what it said of its error."""

import asyncio
import contextlib
from typing import Final

from kata_components.errors import ApiError, ClusterError
from kata_components.foreign import bounded, printable
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.pods import ContainerStatus, Pod, Terminated
from kata_components.rollout.commands import Code, Result
from kata_components.rollout.step import Step

_LOG_LINES: Final = 30
_LOG_SECONDS: Final = 3.0
_LAST_LINES: Final = 3
"""So many are told of a log that tells of no error of the program's own."""
_MAX_TEXT: Final = 400
_ERROR: Final = "Error:"
"""How the node program begins its last words: a chain of causes, one a line, the most general one first."""


async def inspect(api: KubeApi, namespace: str, step: Step, job: str, failure: str) -> Result:
    """Return why the Job of a node failed; GONE when the node is not that node any more.

    `failure` is the Job controller's reason, used when no pod tells more.

    Raises:
        ClusterError: the node could not be read; the caller asks again.
    """
    try:
        node = await api.get_node(step.node)
    except ApiError as error:
        if not error.not_found:
            raise
        return Result(code=Code.GONE)
    if node.metadata.uid != step.node_uid:
        return Result(code=Code.GONE)
    if not job:
        return Result(code=Code.DONE, text="its Job was deleted several times while it ran")
    text = await explain(api, namespace, job) or failure or "the Job gives no reason"
    if not node.ready:
        text += " (the node is NotReady now)"
    return Result(code=Code.DONE, text=f"{text}; see `kubectl -n {namespace} describe job {job}`")


def name_taken(namespace: str, job: str) -> str:
    """Return why a Job could not be created although no list shows one that is in its way."""
    return (
        f"a Job named {job} is there that is not this run's, or cannot be deleted: "
        f"see `kubectl -n {namespace} get job {job}`"
    )


async def explain(api: KubeApi, namespace: str, job: str) -> str:
    """Return what the pods of a Job say about its failure, empty when they say nothing."""
    return await _pod_failure(api, namespace, await api.list_pods(namespace, f"job-name={job}"))


async def _pod_failure(api: KubeApi, namespace: str, pods: list[Pod]) -> str:
    for pod in sorted(pods, key=lambda pod: pod.metadata.creation_timestamp or "", reverse=True):
        for container in _containers(pod):
            ended = container.state and container.state.terminated
            if ended and ended.exit_code:
                return await _stage_failure(api, namespace, pod, container.name, ended)
        for container in _containers(pod):
            waiting = container.state and container.state.waiting
            if waiting and waiting.reason not in {None, "PodInitializing", "ContainerCreating"}:
                return f"stage {container.name} could not start: {_joined(waiting.reason, waiting.message)}"
        if pod.status and pod.status.reason:
            return f"pod {_joined(pod.status.reason, pod.status.message)}"
    return ""


async def _stage_failure(api: KubeApi, namespace: str, pod: Pod, stage: str, ended: Terminated) -> str:
    words = ended.message or ""
    if not words:
        # The log is a help, not a need: the kubelet may be unreachable or the container removed.
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(_LOG_SECONDS):
                words = await api.pod_log(namespace, pod.metadata.name, stage, _LOG_LINES)
    told = last_words(words).removeprefix(_ERROR).strip()
    return f"stage {stage} ended with exit code {ended.exit_code}, {_joined(ended.reason, told)}"


def last_words(log: str) -> str:
    """Return as one line what a log ends with: the last error and its causes, less the middle where that is too long.

    The deepest cause tells most, and stands at the end.
    """
    lines = [line.strip() for line in printable(log).splitlines() if line.strip()]
    begin = max((number for number, line in enumerate(lines) if line.startswith(_ERROR)), default=-_LAST_LINES)
    told = " | ".join(lines[begin:])
    return told if len(told) <= _MAX_TEXT else f"{told[: _MAX_TEXT // 4 - 3]} … {told[-_MAX_TEXT * 3 // 4 :]}"


def _containers(pod: Pod) -> list[ContainerStatus]:
    if pod.status is None:
        return []
    return [*(pod.status.init_container_statuses or []), *(pod.status.container_statuses or [])]


def _joined(reason: str | None, message: str | None) -> str:
    return bounded(": ".join(filter(None, (reason, message))))
