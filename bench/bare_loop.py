"""A closed loop as yardstick: what any rollout has to do on each node, and nothing else.

Creating all Jobs at once instead would vary by a quarter from run to run.
"""

import asyncio
import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from bench import process
from bench.process import Usage
from bench.single_jobs import NAMESPACE, SUFFIX, account, ended, stamp
from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.connect import connect
from kata_components.kubernetes.nodes import Node
from kata_components.planning import node_labels, node_mark
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.node_jobs import is_token_free
from kata_components.planning.step import Action, Step, step_of
from kata_components.runners.clock import timestamp
from sandbox.cluster import Cluster


def run(cluster: Cluster, version: str, parallelism: int) -> Usage:
    """Take all new workers through the loop; return what the process that did so has used.

    Requests and times are in the audit log. The process is a new one, as a stack's provider is.
    """
    fresh = multiprocessing.get_context("spawn")
    with account(cluster), ProcessPoolExecutor(max_workers=1, mp_context=fresh) as executor:
        task = executor.submit(_run, cluster.context, str(cluster.kubeconfig), version, parallelism)
        return task.result()


def _run(context: str, kubeconfig: str, version: str, parallelism: int) -> Usage:
    asyncio.run(_connected(context, kubeconfig, stamp(version), parallelism))
    return process.usage(Path("/proc/self"))


async def _connected(context: str, kubeconfig: str, made: JobStamp, parallelism: int) -> None:
    api = connect(context, kubeconfig)
    try:
        mark = names.mark_annotation(SUFFIX)
        workers = [
            node
            for node in await api.list_nodes()
            if not node.taints and node.metadata.annotation(mark) is None
        ]
        await _loop(api, workers, made, parallelism)
    finally:
        await api.aclose()


async def _loop(api: KubeApi, workers: list[Node], made: JobStamp, parallelism: int) -> None:
    """Claim a node if its Job does not label it, create the Job, wait for its end, mark the node.

    A slot is held until the Job has ended.
    """
    slots = asyncio.Semaphore(parallelism)
    ends = {node.metadata.name: asyncio.Event() for node in workers}
    labels = node_labels.both(SUFFIX) if is_token_free(made.template) else ()
    claim, serves = dict.fromkeys(labels, "false"), dict.fromkeys(labels, "true")

    async def work(node: Node) -> None:
        step = step_of(node, Action.INSTALL, "", None)
        async with slots:
            if labels:
                await api.patch_node(step.node, step.node_uid, labels=claim)
            await api.create_job(NAMESPACE, made.job(step, node.info))
            await ends[step.node].wait()
        await api.patch_node(step.node, step.node_uid, annotations=_mark(step), labels=serves)

    async with asyncio.TaskGroup() as group:
        for node in workers:
            group.create_task(work(node))
        await ended(api, ends, lambda name: ends[name].set())


def _mark(step: Step) -> dict[str, str]:
    mark = node_mark.Mark(
        kata_version="4.0.0",
        digest="0" * 12,
        node_uid=step.node_uid,
        machine_id=step.machine_id,
        time=timestamp(),
    )
    return {names.mark_annotation(SUFFIX): node_mark.render(mark)}
