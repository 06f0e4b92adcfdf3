"""Why a node's Job failed: the stage, its exit code and reason, and its last output."""

import asyncio
import contextlib
from typing import Final

from kata_components.errors import ApiError, ClusterError
from kata_components.foreign import bounded
from kata_components.kubernetes.api import KubeApi, NodeApi
from kata_components.kubernetes.pods import Pod, Terminated
from kata_components.pacing.commands import CommandStatus, Result
from kata_components.pacing.holdup import LINES, Holdup, last_words
from kata_components.planning import node_results
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.step import Step

_LOG_SECONDS: Final = 3.0


async def diagnose(
    api: KubeApi, namespace: str, step: Step, job: NodeJob | None, held_up: Holdup | None = None
) -> Result:
    """Return why the Job of a node failed; GONE when the node is not that node any more.

    When no pod tells more, `held_up` is used, what was seen of the Job while it ran, with what
    upstream's dispatcher has left on the node since, or the Job controller's reason. At a deadline
    the Job controller has removed the pods.

    Raises:
        ClusterError: the node could not be read; the caller asks again.
    """
    try:
        node = await api.get_node(step.node)
    except ApiError as error:
        if not error.not_found:
            raise
        return Result(code=CommandStatus.GONE)
    if node.metadata.uid != step.node_uid:
        return Result(code=CommandStatus.GONE)
    if job is None:
        return Result(
            code=CommandStatus.DONE, text="its Job was deleted several times while it ran"
        )
    explained = await explain(api, namespace, job.name)
    left = bounded(node_results.error_since(node.metadata, job.created))
    text = explained or _unexplained(left or job.failure, held_up)
    is_told = not explained and held_up is not None and held_up.unwell
    if not node.ready and not is_told:
        text += f" (the node is now {node.not_ready})"
    return Result(code=CommandStatus.DONE, text=text)


async def left_error(api: NodeApi, step: Step, time: str) -> str:
    """Return why a node has failed, as upstream's dispatcher has left it there since that time.

    Empty if it has not, or the node cannot be read. `time` is RFC 3339, UTC; empty: never.
    """
    with contextlib.suppress(ClusterError):
        node = await api.get_node(step.node)
        if time and node.metadata.uid == step.node_uid:
            return bounded(node_results.error_since(node.metadata, time))
    return ""


def name_taken(namespace: str, job: str) -> str:
    """Return why a Job could not be created although no list shows one that is in its way."""
    return (
        f"a Job named {job} is there that is not this run's, or cannot be deleted: "
        f"see `kubectl -n {namespace} get job {job}`"
    )


async def explain(api: KubeApi, namespace: str, job: str) -> str:
    """Return what the pods of a Job say about its failure, empty when they say nothing."""
    return await _pod_failure(api, namespace, await api.list_pods(namespace, f"job-name={job}"))


def _unexplained(failure: str, held_up: Holdup | None) -> str:
    ended = failure or "the Job gives no reason"
    return f"{str(held_up).rstrip('.')}, until it ended: {ended}" if held_up else ended


async def _pod_failure(api: KubeApi, namespace: str, pods: list[Pod]) -> str:
    for pod in sorted(pods, key=lambda pod: pod.metadata.creation_timestamp or "", reverse=True):
        if pod.failed:
            return await _stage_failure(api, namespace, pod, *pod.failed)
        if pod.stuck:
            stage, waiting = pod.stuck
            return f"stage {stage} could not start: {_joined(waiting.reason, waiting.message)}"
        if pod.status and pod.status.reason:
            return f"pod {_joined(pod.status.reason, pod.status.message)}"
    return ""


async def _stage_failure(
    api: KubeApi, namespace: str, pod: Pod, stage: str, ended: Terminated
) -> str:
    words = ended.message or ""
    if not words:
        # The log is a help, not a need: the kubelet may be unreachable or the container removed.
        with contextlib.suppress(ClusterError, TimeoutError):
            async with asyncio.timeout(_LOG_SECONDS):
                words = await api.pod_log(namespace, pod.metadata.name, stage, LINES)
    reason = _joined(ended.reason, last_words(words))
    return f"stage {stage} ended with exit code {ended.exit_code}, {reason}"


def _joined(reason: str | None, message: str | None) -> str:
    return bounded(": ".join(filter(None, (reason, message))))
