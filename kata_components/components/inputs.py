"""The inputs of the three dynamic resources, from the settings."""

import json
from typing import Any, Final

from kata_components import names
from kata_components.components.ownership import this_stack
from kata_components.manifests.builders import checksum, pod_basics
from kata_components.manifests.daemon_set import pod_template
from kata_components.manifests.dispatcher_flags import handlers
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.manifests.mounted_configs import mounted_fingerprints
from kata_components.manifests.node_demands import containerd_version, distribution
from kata_components.manifests.objects import compared_objects, kept_objects, reference
from kata_components.manifests.runtime_classes import required_labels
from kata_components.manifests.selector import daemon_set_selectors, install_selectors
from kata_components.manifests.yaml_text import yaml_text
from kata_components.planning.demands import Demands
from kata_components.providers.installation_inputs import InstallationInputs
from kata_components.providers.preflight_inputs import PreflightInputs
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.settings.architectures import architecture_problems
from kata_components.settings.settings import Settings

_CHOOSE_JOBS: Final = {"runs_in", "cleanup_deselected"}
"""Keys of `rollout` that decide which Jobs a `Rollout` is given; all others are its inputs."""


def preflight_inputs(settings: Settings) -> PreflightInputs:
    """Return the inputs of a `Preflight`."""
    adopts = settings.rollout.existing == "adopt"
    return PreflightInputs(
        **_guarded(settings),
        contents=json.dumps(compared_objects(settings)) if adopts else None,
        instance_label=_instance_label(settings),
        **(_pods(settings) if settings.deployment_mode == "daemonset" else {}),
    )


def installation_inputs(settings: Settings) -> InstallationInputs:
    """Return the inputs of an `Installation`."""
    by_jobs = settings.deployment_mode == "job"
    return InstallationInputs(
        **_guarded(settings),
        parallelism=settings.job.parallelism,
        node_timeout_seconds=settings.rollout.node_timeout_seconds,
        cleanup_job=yaml_text(cleanup_job(settings)) if by_jobs else None,
        dispatcher_job=yaml_text(cleanup_dispatcher_job(settings))
        if by_jobs and settings.rollout.runs_in == "cluster"
        else None,
        node_results=(by_jobs and settings.traits.node_results) or None,
    )


def rollout_inputs(settings: Settings) -> RolloutInputs:
    """Return the inputs of a `Rollout`."""
    cleans = settings.rollout.cleanup_deselected
    dispatched = settings.rollout.runs_in == "cluster"
    pacing = settings.rollout.model_dump(exclude=_CHOOSE_JOBS)
    return RolloutInputs(
        **{**_common(settings), **pacing},
        parallelism=settings.job.parallelism,
        nodes=settings.job.nodes,
        selectors=tuple(install_selectors(settings)),
        install_job=yaml_text(install_job(settings)),
        mounted=mounted_fingerprints(settings) or None,
        architectures=dict(architecture_problems(settings)),
        demands=_demands(settings),
        cleanup_job=yaml_text(cleanup_job(settings)) if cleans else None,
        dispatcher_job=yaml_text(install_dispatcher_job(settings)) if dispatched else None,
        cleanup_dispatcher_job=yaml_text(cleanup_dispatcher_job(settings))
        if cleans and dispatched
        else None,
        node_results=settings.traits.node_results or None,
        cron_job=names.reconcile(settings.env.multi_install_suffix)
        if settings.job.reconcile.enabled
        else None,
    )


def _instance_label(settings: Settings) -> str | None:
    """Return the label of the installation if RuntimeClasses ask for it on nodes of job mode."""
    asked = settings.traits.instance_label_in_runtime_classes
    if settings.deployment_mode != "job" or not asked:
        return None
    return names.instance_label(settings.env.multi_install_suffix)


def _demands(settings: Settings) -> Demands:
    """Return what the settings imply for every node."""
    of_runner = settings.traits.token_free_jobs
    return Demands(
        labels=tuple(required_labels(settings)),
        handlers=tuple(handlers(settings)),
        distribution=distribution(settings),
        containerd=containerd_version(settings),
        startup_taints=settings.startup_taints if of_runner else (),
        ready_seconds=settings.job.wait_node_ready_seconds if of_runner else 0,
    )


def _common(settings: Settings) -> dict[str, Any]:
    """Return the fields of `CommonInputs`."""
    return {
        "stack": this_stack(),
        "kata_version": settings.kata_version,
        "namespace": settings.namespace,
        "suffix": settings.env.multi_install_suffix,
        "existing": settings.rollout.existing,
        "report_dir": settings.rollout.report_dir,
        "approved_plan": settings.rollout.approved_plan,
    }


def _guarded(settings: Settings) -> dict[str, Any]:
    """Return the fields of `GuardedInputs`."""
    return {
        **_common(settings),
        "deployment_mode": settings.deployment_mode,
        "objects": tuple(map(reference, kept_objects(settings))),
    }


def _pods(settings: Settings) -> dict[str, Any]:
    """Return what the guard rails of daemonset mode compare: pods and, if in doubt, their nodes."""
    pods = {"pod_template": checksum(pod_template(settings))[:12]}
    problems = architecture_problems(settings)
    selectors = daemon_set_selectors(settings)
    if not any(problems.values()) or selectors is None:
        return pods
    tolerations = pod_basics(settings).get("tolerations", [])
    return {
        **pods,
        "architectures": dict(problems),
        "selectors": tuple(selectors),
        "tolerations": json.dumps(tolerations),
    }
