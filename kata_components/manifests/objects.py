"""All objects of a configuration, in an order in which they can be applied."""

from kata_components.manifests.builders import Manifest
from kata_components.manifests.daemon_set import daemon_set
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.dispatcher_rbac import dispatcher_rbac
from kata_components.manifests.job_templates import config_map
from kata_components.manifests.node_rbac import node_rbac
from kata_components.manifests.runtime_classes import runtime_classes
from kata_components.settings.settings import Settings


def all_objects(settings: Settings) -> list[Manifest]:
    """Return every object that is made in the configured mode, per-node Jobs apart, as the chart has them."""
    dispatchers = [install_dispatcher_job(settings), cleanup_dispatcher_job(settings)]
    return [*kept_objects(settings), *(dispatchers if _dispatched(settings) else [])]


def kept_objects(settings: Settings) -> list[Manifest]:
    """Return the objects that stay between runs: all but the Jobs."""
    return [*node_rbac(settings), *runtime_classes(settings), *_installer(settings)]


def _installer(settings: Settings) -> list[Manifest]:
    if settings.deployment_mode == "daemonset":
        return [daemon_set(settings)]
    return [config_map(settings), *(dispatcher_rbac(settings) if _dispatched(settings) else [])]


def _dispatched(settings: Settings) -> bool:
    return settings.deployment_mode == "job" and settings.rollout.runs_in == "cluster"
