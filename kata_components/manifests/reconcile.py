"""The CronJob that starts upstream's dispatcher on a schedule, for late and failed nodes.

Source: reference of Kata 4.2.0, section 3.7. The chart also has a Job that stops it before an
uninstall; here, destroy deletes it first.
"""

from kata_components import names
from kata_components.manifests.builders import Manifest
from kata_components.manifests.dispatcher_flags import reconcile_command
from kata_components.manifests.dispatcher_job import dispatcher_labels, dispatcher_pod
from kata_components.settings.settings import Settings

_LATEST_START_SECONDS = 300


def reconcile(settings: Settings) -> list[Manifest]:
    """Return the CronJob, if it is enabled."""
    if not settings.job.reconcile.enabled:
        return []
    return [
        {
            "apiVersion": "batch/v1",
            "kind": "CronJob",
            "metadata": {
                "name": names.reconcile(settings.env.multi_install_suffix),
                "namespace": settings.namespace,
                "labels": dispatcher_labels(settings, names.RECONCILE),
            },
            "spec": {
                "schedule": settings.job.reconcile.schedule,
                "concurrencyPolicy": "Forbid",
                "startingDeadlineSeconds": _LATEST_START_SECONDS,
                "successfulJobsHistoryLimit": 1,
                "failedJobsHistoryLimit": 3,
                "jobTemplate": {"spec": _job_spec(settings)},
            },
        }
    ]


def _job_spec(settings: Settings) -> Manifest:
    command = reconcile_command(settings)
    return {
        "backoffLimit": 0,
        "activeDeadlineSeconds": settings.job.active_deadline_seconds,
        "template": {
            "metadata": {"labels": dispatcher_labels(settings, names.RECONCILE)},
            "spec": dispatcher_pod(settings, command, POD_NAME="metadata.name"),
        },
    }
