"""What the control plane itself can do: the yardsticks that rollouts are compared with."""

import asyncio
import functools
import statistics
import time
from typing import Any, Final

import yaml

from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.connect import connect
from kata_components.manifests.job_templates import config_map
from kata_components.rollout import jobs
from kata_components.rollout.jobs import JobStamp, JobState
from kata_components.settings.load import load_settings
from sandbox.cluster import Cluster

_NAMESPACE: Final = "kube-system"
_ACCOUNT: Final = f"/api/v1/namespaces/{_NAMESPACE}/serviceaccounts"
_SAMPLES: Final = 5


def limit(cluster: Cluster) -> float:
    """Return the seconds that all nodes take when every Job is created at once."""
    return asyncio.run(_with_jobs(cluster, _all_at_once))


def latency(cluster: Cluster) -> float:
    """Return the seconds from the creation of a single Job to its end, the median of some."""
    return asyncio.run(_with_jobs(cluster, _one_by_one))


async def _with_jobs(cluster: Cluster, work: Any) -> float:  # noqa: ANN401 - one of the two below
    with cluster.connect() as kube:
        if not any(a["metadata"]["name"] == "kata-deploy-sa" for a in kube.get(_ACCOUNT)["items"]):
            kube.create(_ACCOUNT, {"metadata": {"name": "kata-deploy-sa"}})
    api = connect(cluster.context, str(cluster.kubeconfig))
    try:
        seconds: float = await work(api, cluster.workers())
        await api.delete_jobs(_NAMESPACE, jobs.selector("bench"))
        return seconds
    finally:
        await api.aclose()


async def _all_at_once(api: KubeApi, workers: list[str]) -> float:
    began = time.monotonic()
    await asyncio.gather(*(api.create_job(_NAMESPACE, _job(node)) for node in workers))
    await _ended(api, len(workers))
    return time.monotonic() - began


async def _one_by_one(api: KubeApi, workers: list[str]) -> float:
    samples = []
    for count, node in enumerate(workers[:_SAMPLES], start=1):
        began = time.monotonic()
        await api.create_job(_NAMESPACE, _job(node))
        await _ended(api, count)
        samples.append(time.monotonic() - began)
    return statistics.median(samples)


async def _ended(api: KubeApi, count: int) -> None:
    """Return when so many Jobs have succeeded, told by the watch and not by polling."""
    selector = jobs.selector("bench")
    found = await api.list_jobs(_NAMESPACE, selector)
    ended = {job.uid for job in map(jobs.observed, found.items) if job.state is JobState.SUCCEEDED}
    if len(ended) >= count:
        return
    async for event in api.watch_jobs(_NAMESPACE, selector, found.resource_version):
        job = jobs.observed(event.object)
        if job.state is JobState.SUCCEEDED:
            ended.add(job.uid)
        if len(ended) >= count:
            return


def _job(node: str) -> dict[str, Any]:
    return _stamp().manifest(node, node_uid="", machine_id="")


@functools.cache
def _stamp() -> JobStamp:
    config = {"kataVersion": "4.0.0", "deploymentMode": "job", "cluster": {"context": "any"}}
    template = yaml.safe_load(config_map(load_settings(config))["data"]["install-job.yaml"])
    return JobStamp(template=template, stage="install", suffix="bench", digest="", node_timeout_seconds=3600)
