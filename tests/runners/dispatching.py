"""What the tests of the dispatcher share: real manifests, an `up` and a `destroy` through it."""

import asyncio
import functools
from dataclasses import replace
from typing import Any, Literal

from kata_components import names
from kata_components.manifests.dispatcher_flags import handlers
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.manifests.runtime_classes import required_labels
from kata_components.manifests.selector import install_selectors
from kata_components.operations.install import Installed, install
from kata_components.operations.uninstall import uninstall
from kata_components.planning.demands import Demands
from kata_components.planning.dispatcher_args import node_template
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.runners.cluster import ClusterRunner
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, NAMESPACE, OWNER, Told

NARROWED = "--node-selector=!node-role.kubernetes.io/control-plane,!node-role.kubernetes.io/master"
DISPATCHER = "kata-deploy-install-dispatcher"


def settings(tag: str = "4.0.0", **job: Any) -> Settings:
    return configured("4.0.0", image={"tag": tag}, job=job)


def configured(version: str, job: dict[str, Any] | None = None, **config: Any) -> Settings:
    """Return settings of a version, with three nodes at a time if not told otherwise."""
    own = {"kataVersion": version, "cluster": {"context": "c"}, "deploymentMode": "job"}
    return load_settings(
        own | config | {"rollout": {"runsIn": "cluster"}, "job": {"parallelism": 3, **(job or {})}}
    )


def request(
    wanted: Settings, existing: Literal["adopt", "install"] | None = None
) -> InstallRequest:
    return InstallRequest(
        owner=OWNER,
        namespace=NAMESPACE,
        suffix="",
        kata_version=wanted.kata_version,
        selection=Selection(nodes=wanted.job.nodes, selectors=tuple(install_selectors(wanted))),
        job=install_job(wanted),
        parallelism=wanted.job.parallelism,
        waves=(),
        max_failures="100%",
        soak_seconds=0,
        node_timeout_seconds=600,
        not_ready="attempt",
        existing=existing,
        demands=Demands(
            labels=tuple(required_labels(wanted)),
            handlers=tuple(handlers(wanted)),
            startup_taints=wanted.startup_taints,
            ready_seconds=wanted.job.wait_node_ready_seconds,
        ),
        node_results=wanted.traits.node_results,
        cron_job=names.reconcile("") if wanted.job.reconcile.enabled else "",
    )


def templates(wanted: Settings) -> dict[str, Any]:
    """Return what could stand in the ConfigMap."""
    stamped = functools.partial(node_template, node_timeout_seconds=600, mounted={})
    return {
        "install-job.yaml": stamped(install_job(wanted)),
        "cleanup-job.yaml": stamped(cleanup_job(wanted)),
    }


async def up(
    api: FakeKubeApi,
    wanted: Settings | None = None,
    told: Told | None = None,
    existing: Literal["adopt", "install"] | None = None,
    cleanup: CleanupRequest | None = None,
) -> Installed:
    """Do what one `up` does: plan, carry it out. No promise on Jobs may be broken."""
    wanted, told = wanted or settings(), told or Told()
    try:
        job = install_dispatcher_job(wanted)
        asked = replace(request(wanted, existing), cleanup=cleanup)
        return await install(api, asked, functools.partial(ClusterRunner, job=job), told)
    finally:
        assert not api.cluster.violations


def cleanup_request(wanted: Settings) -> CleanupRequest:
    return CleanupRequest(
        namespace=NAMESPACE,
        suffix="",
        job=cleanup_job(wanted),
        parallelism=wanted.job.parallelism,
        node_timeout_seconds=600,
        dispatcher_job=cleanup_dispatcher_job(wanted),
        node_results=wanted.traits.node_results,
    )


async def destroy(
    api: FakeKubeApi, wanted: Settings | None = None, told: Told | None = None
) -> None:
    wanted, told = wanted or settings(), told or Told()
    cleanup = cleanup_request(wanted)
    ending = replace(ENDING, cleanup=cleanup)
    try:
        runner = functools.partial(ClusterRunner, job=cleanup_dispatcher_job(wanted))
        await uninstall(api, ending, runner, told)
    finally:
        assert not api.cluster.violations


async def interrupted(work: Any, seconds: float) -> None:
    """Let it work for a while, then end it as Ctrl-C does."""
    task = asyncio.create_task(work)
    await asyncio.sleep(seconds)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


def told_nodes(on: Cluster) -> list[str]:
    """Return how each dispatcher was told its nodes."""
    return [words[-1] for words in on.dispatchers]
