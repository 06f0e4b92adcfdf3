"""Per-node Jobs without a rollout: how they are made, and how long a single one takes."""

import asyncio
import statistics
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any, Final

import yaml

from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.connect import connect
from kata_components.manifests.job_templates import config_map
from kata_components.planning import node_jobs
from kata_components.planning.job_stamp import JobStamp
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.step import Action, Step
from kata_components.settings.load import load_settings
from sandbox.cluster import Cluster

NAMESPACE: Final = "kube-system"
SUFFIX: Final = "bench"
"""Of the Jobs, which are not those of a stack."""
_ACCOUNTS: Final = f"/api/v1/namespaces/{NAMESPACE}/serviceaccounts"
_SAMPLES: Final = 5


def latency(cluster: Cluster) -> float:
    """Return the median seconds from the creation of a single Job to its end."""
    with account(cluster):
        return asyncio.run(_one_by_one(cluster))


@contextmanager
def account(cluster: Cluster) -> Iterator[None]:
    """Provide the pods' ServiceAccount, but only for the context.

    A stack creates its own and takes over nobody else's.
    """
    with cluster.connect() as kube:
        kube.create(_ACCOUNTS, {"metadata": {"name": "kata-deploy-sa"}})
        yield
        kube.delete(f"{_ACCOUNTS}/kata-deploy-sa")


def stamp(version: str) -> JobStamp:
    """Return what makes the install Jobs of a version of Kata."""
    config = {"kataVersion": version, "deploymentMode": "job", "cluster": {"context": "any"}}
    template = yaml.safe_load(config_map(load_settings(config))["data"]["install-job.yaml"])
    return JobStamp(
        template=template, kind="install", suffix=SUFFIX, digest="", node_timeout_seconds=3600
    )


async def ended(api: KubeApi, nodes: Collection[str], on_end: Callable[[str], Any] = str) -> None:
    """Wait, with a watch, until the Jobs of these nodes have succeeded; call `on_end` with each."""
    selector = node_jobs.selector(SUFFIX)
    found = await api.list_jobs(NAMESPACE, selector)
    waiting = set(nodes)

    def take(job: NodeJob) -> None:
        if job.state is JobState.SUCCEEDED and job.node in waiting:
            waiting.remove(job.node)
            on_end(job.node)

    for job in found.items:
        take(node_jobs.observed(job))
    if not waiting:
        return
    async for event in api.watch_jobs(NAMESPACE, selector, found.resource_version):
        take(node_jobs.observed(event.object))
        if not waiting:
            return


async def _one_by_one(cluster: Cluster) -> float:
    api = connect(cluster.context, str(cluster.kubeconfig))
    made, samples = stamp("4.0.0"), []
    try:
        for node in cluster.workers()[:_SAMPLES]:
            step = Step(node=node, node_uid="", machine_id="", action=Action.INSTALL, reason="")
            began = time.monotonic()
            await api.create_job(NAMESPACE, made.job(step))
            await ended(api, [node])
            samples.append(time.monotonic() - began)
        await api.delete_jobs(NAMESPACE, node_jobs.selector(SUFFIX))
    finally:
        await api.aclose()
    return statistics.median(samples)
