"""Jobs on simulated nodes, and how they ended."""

from typing import Any

from sandbox.kube import Kube

JOBS = "/apis/batch/v1/namespaces/default/jobs"
PODS = "/api/v1/namespaces/default/pods"


def condition(kube: Kube, job: str) -> str:
    conditions = kube.get(f"{JOBS}/{job}")["status"].get("conditions", [])
    return next(
        (entry["type"] for entry in conditions if entry["type"] in ("Complete", "Failed")), ""
    )


def pods_of(kube: Kube, job: str) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = kube.get(PODS, labelSelector=f"job-name={job}")["items"]
    return items
