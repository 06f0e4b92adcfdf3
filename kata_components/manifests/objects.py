"""All objects of a configuration but node-feature-discovery's, in an order that can be applied."""

from kata_components.manifests.builders import Manifest
from kata_components.manifests.custom_runtimes import custom_runtime_classes
from kata_components.manifests.daemon_set import daemon_set
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.dispatcher_rbac import dispatcher_rbac
from kata_components.manifests.job_templates import config_map
from kata_components.manifests.monitor import monitor
from kata_components.manifests.mounted_configs import mounted_configs
from kata_components.manifests.node_feature_rules import node_feature_rules
from kata_components.manifests.node_rbac import node_rbac
from kata_components.manifests.reconcile import reconcile
from kata_components.manifests.runtime_classes import runtime_classes
from kata_components.manifests.state import state
from kata_components.manifests.verification import verification
from kata_components.settings.settings import Settings


def all_objects(settings: Settings) -> list[Manifest]:
    """Return every object of the configured mode but the per-node Jobs, as the chart has them."""
    dispatchers = [install_dispatcher_job(settings), cleanup_dispatcher_job(settings)]
    return [*kept_objects(settings), *(dispatchers if _dispatched(settings) else [])]


def kept_objects(settings: Settings) -> list[Manifest]:
    """Return the objects that are Pulumi resources: all but the dispatcher's Jobs."""
    return [
        *state(settings),
        *node_rbac(settings),
        *runtime_classes(settings),
        *custom_runtime_classes(settings),
        *node_feature_rules(settings),
        *mounted_configs(settings),
        *_installer(settings),
        *monitor(settings),
        *verification(settings),
    ]


def reference(manifest: Manifest) -> str:
    """Return what identifies an object, as `apiVersion plural namespace name`."""
    metadata = manifest["metadata"]
    plural = f"{manifest['kind'].lower()}{'es' if manifest['kind'].endswith('s') else 's'}"
    return f"{manifest['apiVersion']} {plural} {metadata.get('namespace', '')} {metadata['name']}"


def compared_objects(settings: Settings) -> dict[str, Manifest]:
    """Return, by reference, the objects to compare with existing ones before adopting those.

    The cluster-scoped ones must be equal; the DaemonSet is among them because its pods may restart.
    """
    found = [
        m
        for m in kept_objects(settings)
        if "namespace" not in m["metadata"] or m["kind"] == "DaemonSet"
    ]
    return {reference(manifest): manifest for manifest in found}


def _installer(settings: Settings) -> list[Manifest]:
    if settings.deployment_mode == "daemonset":
        return [daemon_set(settings)]
    if not _dispatched(settings):
        return [config_map(settings)]
    return [config_map(settings), *dispatcher_rbac(settings), *reconcile(settings)]


def _dispatched(settings: Settings) -> bool:
    return settings.deployment_mode == "job" and settings.rollout.runs_in == "cluster"
