"""The limits of the control plane itself, which rollouts are compared with."""

import asyncio
import functools
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from kata_components import names
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.connect import connect
from kata_components.manifests.job_templates import config_map
from kata_components.planning import node_jobs, node_mark
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.step import Action, Step
from kata_components.runners.clock import timestamp
from kata_components.settings.load import load_settings
from sandbox.cluster import Cluster

_NAMESPACE: Final = "kube-system"
_ACCOUNTS: Final = f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts"
_SAMPLES: Final = 5


def limit(cluster: Cluster, *, marked: bool = False) -> float:
    """Return the seconds that all nodes take if every Job is created at once.

    With `marked`, each node is marked when its Job has ended, as in every rollout.
    """
    return asyncio.run(_with_jobs(cluster, _all_at_once_with_marks if marked else _all_at_once))


def latency(cluster: Cluster) -> float:
    """Return the median seconds from the creation of a single Job to its end."""
    return asyncio.run(_with_jobs(cluster, _one_by_one))


async def _with_jobs(cluster: Cluster, work: Any) -> float:  # noqa: ANN401 - one of the three below
    api = connect(cluster.context, str(cluster.kubeconfig))
    with _account(cluster):
        try:
            seconds: float = await work(api, cluster.workers())
            await api.delete_jobs(_NAMESPACE, node_jobs.selector("bench"))
            return seconds
        finally:
            await api.aclose()


@contextmanager
def _account(cluster: Cluster) -> Iterator[None]:
    """Provide the pods' ServiceAccount, but only for the context.

    A stack creates its own and takes over nobody else's.
    """
    with cluster.connect() as kube:
        kube.create(_ACCOUNTS, {"metadata": {"name": "kata-deploy-sa"}})
        yield
        kube.delete(f"{_ACCOUNTS}/kata-deploy-sa")


async def _all_at_once(api: KubeApi, workers: list[str]) -> float:
    began = time.monotonic()
    await asyncio.gather(*(api.create_job(_NAMESPACE, _job(node)) for node in workers))
    await _ended(api, len(workers))
    return time.monotonic() - began


async def _all_at_once_with_marks(api: KubeApi, workers: list[str]) -> float:
    uids = {node.metadata.name: node.metadata.uid for node in await api.list_nodes()}
    made = node_mark.render(
        node_mark.Mark(
            kata_version="4.0.0", digest="0" * 12, node_uid="", machine_id="", time=timestamp()
        )
    )
    began = time.monotonic()
    async with asyncio.TaskGroup() as group:

        def write_mark(node: str) -> None:
            annotations = {names.mark_annotation("bench"): made}
            group.create_task(api.patch_node(node, uids[node], annotations=annotations))

        await asyncio.gather(*(api.create_job(_NAMESPACE, _job(node)) for node in workers))
        await _ended(api, len(workers), write_mark)
    return time.monotonic() - began


async def _one_by_one(api: KubeApi, workers: list[str]) -> float:
    samples = []
    for count, node in enumerate(workers[:_SAMPLES], start=1):
        began = time.monotonic()
        await api.create_job(_NAMESPACE, _job(node))
        await _ended(api, count)
        samples.append(time.monotonic() - began)
    return statistics.median(samples)


async def _ended(api: KubeApi, count: int, on_end: Callable[[str], None] = lambda _: None) -> None:
    """Wait, with a watch, until `count` Jobs have succeeded; call `on_end` with each node."""
    selector = node_jobs.selector("bench")
    found = await api.list_jobs(_NAMESPACE, selector)
    ended: set[str] = set()

    def take(job: NodeJob) -> bool:
        if job.state is JobState.SUCCEEDED and job.uid not in ended:
            ended.add(job.uid)
            on_end(job.node)
        return len(ended) >= count

    if any(take(node_jobs.observed(job)) for job in found.items):
        return
    async for event in api.watch_jobs(_NAMESPACE, selector, found.resource_version):
        if take(node_jobs.observed(event.object)):
            return


def _job(node: str) -> dict[str, Any]:
    return _stamp().job(
        Step(node=node, node_uid="", machine_id="", action=Action.INSTALL, reason="")
    )


@functools.cache
def _stamp() -> JobStamp:
    config = {"kataVersion": "4.0.0", "deploymentMode": "job", "cluster": {"context": "any"}}
    template = yaml.safe_load(config_map(load_settings(config))["data"]["install-job.yaml"])
    return JobStamp(
        template=template, kind="install", suffix="bench", digest="", node_timeout_seconds=3600
    )
