"""The Jobs that run upstream's dispatcher: one installs, one cleans (contract 3.4, 3.5)."""

from collections.abc import Mapping

from kata_components import names
from kata_components.manifests.builders import (
    Manifest,
    as_written,
    chart_labels,
    checksum,
    pod_basics,
    termination_messages,
    without_empty,
)
from kata_components.manifests.dispatcher_flags import TEMPLATES, cleanup_command, install_command
from kata_components.manifests.dispatcher_rbac import dispatcher_account_name
from kata_components.manifests.job_templates import config_map_name, template_files
from kata_components.settings.settings import Settings

_USER = 65532


def install_dispatcher_job(settings: Settings) -> Manifest:
    """Return the Job that paces the installation."""
    job = _job(settings, "install", install_command(settings))
    if settings.traits.checksum_annotations:
        job["spec"]["template"]["metadata"]["annotations"] = {
            "checksum/job-templates": checksum(template_files(settings))
        }
    return job


def cleanup_dispatcher_job(settings: Settings) -> Manifest:
    """Return the Job that paces the cleanup."""
    return _job(settings, "cleanup", cleanup_command(settings))


def _job(settings: Settings, kind: names.JobKind, command: list[str]) -> Manifest:
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.dispatcher_name(settings.env.multi_install_suffix, kind),
            "namespace": settings.namespace,
            "labels": dispatcher_labels(settings, kind),
        },
        "spec": {
            "backoffLimit": 0,
            "ttlSecondsAfterFinished": settings.job.ttl_seconds_after_finished,
            "template": {
                "metadata": {"labels": dispatcher_labels(settings, kind)},
                "spec": dispatcher_pod(settings, command),
            },
        },
    }


def dispatcher_labels(settings: Settings, work: str) -> Manifest:
    """Return the labels of a dispatcher's Job and pod, which say what it does."""
    return {**chart_labels(settings), names.DISPATCHER_LABEL: work}


def dispatcher_pod(settings: Settings, command: list[str], **variables: str) -> Manifest:
    """Return the pod spec of a dispatcher; `variables` name fields of the pod."""
    variables = {"POD_NAMESPACE": "metadata.namespace", **variables}
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
        "containers": [_container(settings, command, variables)],
        "volumes": [{"name": "job-templates", "configMap": {"name": config_map_name(settings)}}],
    }


def _container(settings: Settings, command: list[str], variables: Mapping[str, str]) -> Manifest:
    return {
        "name": "dispatcher",
        "image": settings.job.dispatcher_image.name(settings.kata_version),
        "imagePullPolicy": settings.image_pull_policy,
        "command": command,
        **termination_messages(settings),
        "env": [
            {"name": name, "valueFrom": {"fieldRef": {"fieldPath": field}}}
            for name, field in variables.items()
        ],
        "securityContext": {
            "privileged": False,
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "job-templates", "mountPath": TEMPLATES, "readOnly": True}],
    }
