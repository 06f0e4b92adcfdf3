"""The Jobs that run upstream's dispatcher in the cluster: one for installing, one for cleaning (contract 3.4, 3.5)."""

from kata_components import names
from kata_components.manifests.builders import Manifest, chart_labels, pod_basics
from kata_components.manifests.dispatcher_rbac import dispatcher_account_name
from kata_components.manifests.job_templates import config_map_name
from kata_components.manifests.selector import selector_of
from kata_components.settings.job import Selection
from kata_components.settings.settings import Settings

_PROGRAM = "/usr/bin/kata-deploy-job-dispatcher"
_TEMPLATES = "/etc/kata-job"
_USER = 65532


def install_dispatcher_job(settings: Settings) -> Manifest:
    """Return the Job that paces the installation."""
    return _job(settings, "install", settings.job)


def cleanup_dispatcher_job(settings: Settings) -> Manifest:
    """Return the Job that paces the cleanup."""
    return _job(settings, "cleanup", settings.job.cleanup)


def _job(settings: Settings, purpose: str, selection: Selection) -> Manifest:
    name = names.dispatcher_name(settings.env.multi_install_suffix, purpose)
    labels = {**chart_labels(settings), names.DISPATCHER_LABEL: purpose}
    command = [
        _PROGRAM,
        f"--job-template={_TEMPLATES}/{purpose}-job.yaml",
        f"--name-prefix={names.job_prefix(settings.env.multi_install_suffix, purpose)}",
        f"--owner-job-name={name}",
        f"--parallelism={settings.job.parallelism}",
        *_selection_flags(selection),
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


def _selection_flags(selection: Selection) -> list[str]:
    if selection.nodes:
        return [f"--nodes={','.join(selection.nodes)}"]
    selector = selector_of(selection)
    return [f"--node-selector={selector}"] if selector else []


def _pod(settings: Settings, command: list[str]) -> Manifest:
    return {
        "serviceAccountName": dispatcher_account_name(settings),
        "restartPolicy": "Never",
        **pod_basics(settings),
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
        "env": [{"name": "POD_NAMESPACE", "valueFrom": {"fieldRef": {"fieldPath": "metadata.namespace"}}}],
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "job-templates", "mountPath": _TEMPLATES, "readOnly": True}],
    }
