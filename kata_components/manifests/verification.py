"""The Job that runs the user's pod to show that Kata works after an install (contract 3.13).

The script is ours: the chart's waits for every node of the cluster, for pods without suffix, and
for Jobs that only its own dispatcher creates.
"""

from kata_components import names
from kata_components.manifests.builders import (
    Manifest,
    as_block,
    base,
    binding,
    chart_labels,
    checksum,
    config_map,
    pull_secrets,
    role,
    rule,
    service_account,
)
from kata_components.manifests.daemon_set import pod_template
from kata_components.manifests.job_templates import install_job
from kata_components.manifests.mounted_configs import mounted_fingerprints
from kata_components.manifests.scripts import script
from kata_components.settings.settings import Settings

_SPEC_FILE = "pod-spec.yaml"
_KEPT_SECONDS = 3600
_RETRIES = 3


def verification(settings: Settings) -> list[Manifest]:
    """Return rights, pod and Job, each after what it needs; nothing without a pod."""
    if not settings.verification.enabled:
        return []
    name = f"{settings.full_name}-verification"
    account = service_account(name, settings.namespace)
    rules = [
        rule("", "pods pods/log", "get list watch create delete"),
        rule("", "nodes", "get list"),
        rule("", "events", "get list"),
        rule("apps", "daemonsets", "get list watch"),
        rule("batch", "jobs", "get list watch"),
    ]
    rights = [account, role(name, rules), binding(name, name, account)]
    for manifest in rights:
        manifest["metadata"]["labels"] = chart_labels(settings)
    spec = config_map(settings, f"{name}-spec", {_SPEC_FILE: as_block(settings.verification.pod)})
    return [*rights, spec, _job(settings, name)]


def verification_seconds(settings: Settings) -> int:
    """Return how long the Job may take with all its retries."""
    own = settings.verification
    return (own.daemonset_timeout + 2 * own.timeout) * (1 + _RETRIES)


def _job(settings: Settings, name: str) -> Manifest:
    labels = {**chart_labels(settings), "app.kubernetes.io/component": "verification"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": names.verification_job(settings.full_name),
            "namespace": settings.namespace,
            "labels": labels,
            "annotations": {names.DIGEST_ANNOTATION: _verified(settings)},
        },
        "spec": {
            "backoffLimit": _RETRIES,
            "ttlSecondsAfterFinished": _KEPT_SECONDS,
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {
                    "serviceAccountName": name,
                    "restartPolicy": "Never",
                    **pull_secrets(settings),
                    "containers": [_container(settings)],
                    "volumes": [{"name": "pod-spec", "configMap": {"name": f"{name}-spec"}}],
                },
            },
        },
    }


def _verified(settings: Settings) -> str:
    """Return a checksum of what the Job verifies; a Job runs once, so a change needs a new Job."""
    in_daemon_set = settings.deployment_mode == "daemonset"
    installed = pod_template(settings) if in_daemon_set else install_job(settings)
    return checksum([installed, mounted_fingerprints(settings), settings.verification.pod])


def _container(settings: Settings) -> Manifest:
    return {
        "name": "verify",
        "image": settings.kubectl_image.name,
        "command": ["bash", "-c", _script(settings)],
        "volumeMounts": [{"name": "pod-spec", "mountPath": "/config"}],
    }


def _script(settings: Settings) -> str:
    own = settings.verification
    return script(
        "verify",
        mode=settings.deployment_mode,
        daemon_set=base(settings),
        installed_in=settings.namespace,
        install_timeout=str(own.daemonset_timeout),
        namespace=own.namespace,
        pod=own.pod_name,
        timeout=str(own.timeout),
    )
