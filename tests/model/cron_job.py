"""The controller of CronJobs: starts a Job from a template, unless the CronJob is suspended."""

import copy
from typing import Any

from tests.model.cluster import Cluster

RECONCILE = "namespaces/kube-system/cronjobs/kata-deploy-reconcile"


def suspend(on: Cluster, path: str, *, suspended: bool) -> None:
    on.find(on.objects, path)
    on.objects[path]["spec"]["suspend"] = suspended


def is_suspended(on: Cluster) -> bool:
    return bool(on.objects[RECONCILE]["spec"].get("suspend"))


def tick(on: Cluster) -> str:
    """Do what its schedule asks for; return the name of the Job, empty if none is started."""
    found = on.objects.get(RECONCILE)
    if found is None or found["spec"].get("suspend"):
        return ""
    return start(on, found)


def start(on: Cluster, cron_job: dict[str, Any]) -> str:
    """Start a Job of a CronJob; return its name."""
    template = copy.deepcopy(cron_job["spec"]["jobTemplate"])
    job: dict[str, Any] = {"apiVersion": "batch/v1", "kind": "Job", **template}
    name = f"{cron_job['metadata']['name']}-{len(on.dispatchers)}"
    on.create_job("kube-system", job | {"metadata": {**template["metadata"], "name": name}})
    return name
