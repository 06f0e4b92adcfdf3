"""Inputs of the dynamic resources as the program gives them, with only what a test cares about spelled out."""

from typing import Any

import yaml
from pulumi.output import Unknown

from kata_components.components.job_templates import templates
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.job_templates import config_map
from kata_components.manifests.yaml_text import yaml_text
from kata_components.providers.installation_inputs import InstallationInputs
from kata_components.providers.rollout import RolloutInputs
from kata_components.settings.load import load_settings

UNKNOWN = Unknown()  # type: ignore[no-untyped-call] # the SDK leaves it without types
"""What a preview has in place of a value that only the update will know."""

STACK = "kata-deploy/test"
ROLLOUT_URN = "urn:pulumi:test::kata-deploy::t::kata-deploy-rollout"
INSTALLATION_URN = "urn:pulumi:test::kata-deploy::t::kata-deploy-installation"

TEMPLATES: dict[str, str] = config_map(
    load_settings({"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": "job"})
)["data"]


IN_CLUSTER = load_settings(
    {
        "kataVersion": "4.0.0",
        "cluster": {"context": "c"},
        "deploymentMode": "job",
        "job": {"parallelism": 3},
        "rollout": {"runsIn": "cluster"},
    }
)
FILES = {name: yaml.safe_load(text) for name, text in templates(IN_CLUSTER)["data"].items()}
"""What a dispatcher reads."""


def dispatched(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a `Rollout` that upstream's dispatcher paces."""
    job = yaml_text(install_dispatcher_job(IN_CLUSTER))
    return rollout(**{"dispatcherJob": job, "waves": [], "maxFailures": "100%", "notReady": "attempt"} | changes)


def dispatched_installation() -> dict[str, Any]:
    """Return the inputs of the `Installation` beside it."""
    return installation(dispatcherJob=yaml_text(cleanup_dispatcher_job(IN_CLUSTER)))


def rollout(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a `Rollout`; keys of `changes` are as on the wire."""
    values: dict[str, Any] = {
        "urn": ROLLOUT_URN,
        "namespace": "kube-system",
        "kataVersion": "4.0.0",
        "installJob": TEMPLATES["install-job.yaml"],
        "parallelism": 3,
        "waves": ["canary", "100%"],
        "maxFailures": 3,
        "soakSeconds": 0,
        "nodeTimeoutSeconds": 600,
        "notReady": "skip",
    }
    return RolloutInputs.of(values | changes).props()


def installation(**changes: Any) -> dict[str, Any]:
    """Return the inputs of an `Installation`; keys of `changes` are as on the wire."""
    values: dict[str, Any] = {
        "urn": INSTALLATION_URN,
        "stack": STACK,
        "kataVersion": "4.0.0",
        "deploymentMode": "job",
        "namespace": "kube-system",
        "parallelism": 3,
        "nodeTimeoutSeconds": 600,
        "cleanupJob": TEMPLATES["cleanup-job.yaml"],
        "objects": ["v1 configmaps kube-system kata-deploy-job-templates", "node.k8s.io/v1 runtimeclasses  kata-qemu"],
    }
    return InstallationInputs.of(values | changes).props()
