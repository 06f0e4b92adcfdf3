"""The pods of per-node Jobs, which may outlive their Job by the grace period."""

from collections.abc import Mapping
from typing import Any

from kata_components import names

Object = dict[str, Any]

SOME_TIME = "2026-01-01T00:00:00Z"


def made(job: Object, uid: str, *, starts: bool = True) -> Object:
    """Return the next pod of a Job: at work, or waiting forever if its node does not exist."""
    template, name = job["spec"]["template"], job["metadata"]["name"]
    owner = {"kind": "Job", "name": name, "uid": job["metadata"]["uid"], "controller": True}
    return {
        "metadata": {
            "name": f"{name}-{uid}",
            "uid": uid,
            "labels": {**template.get("metadata", {}).get("labels", {}), "job-name": name},
            "ownerReferences": [owner],
        },
        "spec": {"nodeName": job["metadata"]["annotations"][names.NODE_NAME_ANNOTATION]},
        "status": {"phase": "Running" if starts else "Pending"},
    }


def of_job(kept: Mapping[str, Object], job: Object) -> list[Object]:
    """Return the pods of that very Job, not those of another one with the same name."""
    uid, name = job["metadata"]["uid"], job["metadata"]["name"]

    def is_its(pod: Object) -> bool:
        owners = pod["metadata"].get("ownerReferences")
        return (
            owners[0]["uid"] == uid
            if owners
            else bool(pod["metadata"]["labels"]["job-name"] == name)
        )

    return [pod for pod in kept.values() if is_its(pod)]


def works(pod: Object) -> bool:
    """Return whether it may change its host."""
    return bool(pod["status"].get("phase") == "Running" and pod.get("spec", {}).get("nodeName"))


def node_of(pod: Object) -> str:
    node: str = pod["spec"]["nodeName"]
    return node


def end(pod: Object, *, ok: bool) -> None:
    """End its work; a failed pod says in which stage."""
    if ok:
        pod["status"] = {"phase": "Succeeded"}
        return
    terminated = {"exitCode": 1, "reason": "Error", "message": None}
    stages = [{"name": "artifacts", "state": {"terminated": terminated}}]
    pod["status"] = {"phase": "Failed", "initContainerStatuses": stages}
