"""Inputs of the dynamic resources as the program gives them; a test names only what it changes."""

from functools import cache
from typing import Any

from pulumi.output import Unknown

from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.job_templates import template_files
from kata_components.manifests.yaml_text import yaml_text
from kata_components.providers.installation_inputs import InstallationInputs
from kata_components.providers.preflight_inputs import PreflightInputs
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings

UNKNOWN = Unknown()  # type: ignore[no-untyped-call] # the SDK leaves it without types
"""What a preview passes for a value that it does not know yet."""

STACK = "kata-deploy/test"
ROLLOUT_URN = "urn:pulumi:test::kata-deploy::t::kata-deploy-rollout"
PREFLIGHT_URN = "urn:pulumi:test::kata-deploy::t::kata-deploy-preflight"
INSTALLATION_URN = "urn:pulumi:test::kata-deploy::t::kata-deploy-installation"


@cache
def templates(version: str) -> dict[str, str]:
    config = {"kataVersion": version, "cluster": {"context": "c"}, "deploymentMode": "job"}
    return template_files(load_settings(config))


TEMPLATES = templates("4.0.0")


@cache
def in_cluster(version: str) -> Settings:
    config = {
        "kataVersion": version,
        "cluster": {"context": "c"},
        "deploymentMode": "job",
        "job": {"parallelism": 3},
    }
    return load_settings(config | {"rollout": {"runsIn": "cluster"}})


def dispatched(version: str = "4.0.0", **changes: Any) -> dict[str, Any]:
    """Return the inputs of a `Rollout` that upstream's dispatcher paces."""
    settings = in_cluster(version)
    values = {"waves": [], "maxFailures": "100%", "notReady": "attempt", "kataVersion": version}
    values["installJob"] = template_files(settings)["install-job.yaml"]
    values["dispatcherJob"] = yaml_text(install_dispatcher_job(settings))
    return rollout(**values | changes)


def dispatched_installation(version: str = "4.0.0") -> dict[str, Any]:
    """Return the inputs of an `Installation` that upstream's dispatcher cleans."""
    settings = in_cluster(version)
    return installation(
        kataVersion=version,
        cleanupJob=template_files(settings)["cleanup-job.yaml"],
        dispatcherJob=yaml_text(cleanup_dispatcher_job(settings)),
    )


def rollout(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a `Rollout`; keys of `changes` are as in the state."""
    values: dict[str, Any] = {
        "urn": ROLLOUT_URN,
        "stack": STACK,
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


GUARDED: dict[str, Any] = {
    "stack": STACK,
    "kataVersion": "4.0.0",
    "deploymentMode": "job",
    "namespace": "kube-system",
    "objects": [
        "v1 configmaps kube-system kata-deploy-job-templates",
        "node.k8s.io/v1 runtimeclasses  kata-qemu",
    ],
}


def preflight(**changes: Any) -> dict[str, Any]:
    """Return the inputs of a `Preflight`; keys of `changes` are as in the state."""
    return PreflightInputs.of({"urn": PREFLIGHT_URN, **GUARDED, **changes}).props()


def installation(**changes: Any) -> dict[str, Any]:
    """Return the inputs of an `Installation`; keys of `changes` are as in the state."""
    values: dict[str, Any] = {
        "urn": INSTALLATION_URN,
        "parallelism": 3,
        "nodeTimeoutSeconds": 600,
        "cleanupJob": TEMPLATES["cleanup-job.yaml"],
    }
    return InstallationInputs.of(GUARDED | values | changes).props()
