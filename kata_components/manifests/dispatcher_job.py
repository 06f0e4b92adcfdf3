"""The Jobs that run upstream's dispatcher: one installs, one cleans (contract 3.4, 3.5)."""

from collections.abc import Iterable, Iterator

from kata_components import names
from kata_components.manifests.builders import (
    Manifest,
    as_written,
    chart_labels,
    checksum,
    pod_basics,
    suffixed,
    without_empty,
)
from kata_components.manifests.dispatcher_rbac import (
    dispatcher_account_name,
    warns_of_kubelet_timeouts,
)
from kata_components.manifests.environment import ARCHES
from kata_components.manifests.job_templates import config_map_name, template_files
from kata_components.manifests.selector import cleanup_selectors, install_selectors
from kata_components.settings.job import Selection
from kata_components.settings.settings import Settings

_PROGRAM = "/usr/bin/kata-deploy-job-dispatcher"
_TEMPLATES = "/etc/kata-job"
_USER = 65532
_SLOW_CREATE_SECONDS = 600
"""How long the creation of a container that pulls or converts its image may take."""


def install_dispatcher_job(settings: Settings) -> Manifest:
    """Return the Job that paces the installation."""
    job = _job(settings, "install", _install_flags(settings))
    if settings.traits.checksum_annotations:
        job["spec"]["template"]["metadata"]["annotations"] = {
            "checksum/job-templates": checksum(template_files(settings))
        }
    return job


def cleanup_dispatcher_job(settings: Settings) -> Manifest:
    """Return the Job that paces the cleanup."""
    return _job(settings, "cleanup", _cleanup_flags(settings))


def _job(settings: Settings, kind: names.JobKind, flags: Iterable[str]) -> Manifest:
    name = names.dispatcher_name(settings.env.multi_install_suffix, kind)
    labels = {**chart_labels(settings), names.DISPATCHER_LABEL: kind}
    command = [
        _PROGRAM,
        f"--job-template={_TEMPLATES}/{kind}-job.yaml",
        f"--name-prefix={names.job_prefix(settings.env.multi_install_suffix, kind)}",
        f"--owner-job-name={name}",
        f"--parallelism={settings.job.parallelism}",
        *flags,
    ]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": name, "namespace": settings.namespace, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": settings.job.ttl_seconds_after_finished,
            "template": {"metadata": {"labels": dict(labels)}, "spec": _pod(settings, command)},
        },
    }


def _install_flags(settings: Settings) -> Iterator[str]:
    job = settings.job
    yield from _selection_flags(job, install_selectors(settings))
    if not settings.traits.token_free_jobs:
        return
    yield f"--cleanup-job-template={_TEMPLATES}/cleanup-job.yaml"
    if not job.nodes:
        yield f"--wait-for-nodes-secs={job.wait_for_nodes_seconds}"
        yield f"--node-settle-secs={job.node_settle_seconds}"
    yield from _suffix_flag(settings)
    yield "--node-label=true"
    yield "--claim-node-pending"
    yield f"--wait-node-ready-secs={job.wait_node_ready_seconds}"
    if required := handlers(settings):
        yield f"--require-node-handlers={','.join(required)}"
    if settings.startup_taints:
        yield f"--remove-node-taints={','.join(settings.startup_taints)}"
    if warns_of_kubelet_timeouts(settings):
        yield f"--kubelet-timeout-warn-secs={_SLOW_CREATE_SECONDS}"


def _cleanup_flags(settings: Settings) -> Iterator[str]:
    yield from _selection_flags(settings.job.cleanup, cleanup_selectors(settings))
    if settings.traits.token_free_jobs:
        yield from _suffix_flag(settings)
        yield "--remove-node-label"
        yield "--ignore-node-taints"


def _suffix_flag(settings: Settings) -> Iterator[str]:
    if suffix := settings.env.multi_install_suffix:
        yield f"--multi-install-suffix={suffix}"


def _selection_flags(selection: Selection, selectors: Iterable[str]) -> list[str]:
    if selection.nodes:
        return [f"--nodes={','.join(selection.nodes)}"]
    return [f"--node-selector={selector}" for selector in selectors]


def handlers(settings: Settings) -> list[str]:
    """Return the handlers, one of which a node must have: by architecture, then custom runtimes."""
    shims = settings.shims.enabled.items()
    ours = [
        suffixed(settings, f"kata-{name}")
        for arch in ARCHES
        for name, shim in shims
        if arch in shim.supported_arches
    ]
    return list(
        dict.fromkeys(
            ours + [runtime.handler for runtime in settings.custom_runtimes.active.values()]
        )
    )


def _pod(settings: Settings, command: list[str]) -> Manifest:
    job = settings.job
    own_place = without_empty(
        nodeSelector=job.dispatcher_node_selector,
        tolerations=as_written(job.dispatcher_tolerations),
    )
    return {
        "serviceAccountName": dispatcher_account_name(settings),
        "restartPolicy": "Never",
        **pod_basics(settings),
        **own_place,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(settings, command)],
        "volumes": [{"name": "job-templates", "configMap": {"name": config_map_name(settings)}}],
    }


def _container(settings: Settings, command: list[str]) -> Manifest:
    return {
        "name": "dispatcher",
        "image": settings.job.dispatcher_image.name(settings.kata_version),
        "imagePullPolicy": settings.image_pull_policy,
        "command": command,
        "env": [
            {
                "name": "POD_NAMESPACE",
                "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}},
            }
        ],
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "job-templates", "mountPath": _TEMPLATES, "readOnly": True}],
    }
