"""The per-node Jobs of job mode, without what differs from node to node, and the ConfigMap the dispatcher reads.

A stage is a container: all but the last run as initContainers, in order. Whoever paces the Jobs adds name, node name
and deadline.
"""

from collections.abc import Callable
from dataclasses import dataclass

from kata_components import names
from kata_components.manifests.builders import Manifest, base, chart_labels
from kata_components.manifests.node_pod import node_container, node_pod
from kata_components.manifests.yaml_text import yaml_text
from kata_components.settings.settings import Settings


@dataclass(frozen=True)
class Stage:
    """A step of the pipeline; one that works on the host is privileged, the others only talk to the API server."""

    name: str
    on_host: bool


INSTALL = (Stage("host-check", True), Stage("artifacts", True), Stage("cri", True), Stage("label", False))
CLEANUP = (Stage("unlabel", False), Stage("revert-cri", True), Stage("remove-artifacts", True))


def install_job(settings: Settings) -> Manifest:
    """Return the Job that installs on one node."""
    return _job(settings, "install", INSTALL)


def cleanup_job(settings: Settings) -> Manifest:
    """Return the Job that cleans one node."""
    return _job(settings, "cleanup", CLEANUP)


def config_map_name(settings: Settings) -> str:
    """Return the name of the ConfigMap with the templates."""
    return names.truncated(f"{base(settings)}-job-templates")


def config_map(settings: Settings, prepared: Callable[[Manifest], Manifest] = dict) -> Manifest:
    """Return the ConfigMap with both Jobs as YAML text; `prepared` makes of each what its reader needs."""
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": config_map_name(settings),
            "namespace": settings.namespace,
            "labels": chart_labels(settings),
        },
        "data": {
            "install-job.yaml": yaml_text(prepared(install_job(settings))),
            "cleanup-job.yaml": yaml_text(prepared(cleanup_job(settings))),
        },
    }


def _job(settings: Settings, purpose: str, stages: tuple[Stage, ...]) -> Manifest:
    *before, last = (
        node_container(settings, stage.name, [f"{purpose}-stage-{stage.name}"], on_host=stage.on_host)
        for stage in stages
    )
    labels = {**chart_labels(settings), names.STAGE_LABEL: purpose}
    pod = {**node_pod(settings), "restartPolicy": "Never", "initContainers": before, "containers": [last]}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": labels},
        "spec": {
            "backoffLimit": settings.job.backoff_limit,
            "ttlSecondsAfterFinished": settings.job.ttl_seconds_after_finished,
            "template": {"metadata": {"labels": dict(labels)}, "spec": pod},
        },
    }
