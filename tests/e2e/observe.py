"""What a run did, as the API server saw it: the audit log, and all objects of the cluster."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.kube import Kube

OURS = ("kata-deploy-pulumi", "pulumi-kubernetes")
_WRITES = {"create", "update", "patch", "delete", "deletecollection"}
_REVIEWS = "selfsubjectaccessreviews"
_NOISE = (
    "/api/v1/events",
    "events.k8s.io",
    "coordination.k8s.io",
    "endpointslices",
    "/api/v1/pods",
)


class Audit:
    """The requests of a user since this object was made."""

    def __init__(self, log: Path) -> None:
        self._log = log
        self._from = log.stat().st_size

    def requests(self, user: str = "operator") -> list[dict[str, Any]]:
        with self._log.open() as log:
            log.seek(self._from)
            events = [json.loads(line) for line in log if line.endswith("}\n")]
        return [event for event in events if event["user"].get("username") == user]

    def refused(self, user: str = "operator") -> list[dict[str, Any]]:
        """Return the requests for which a right was missing."""
        return [event for event in self.requests(user) if event["responseStatus"]["code"] == 403]

    def writes(self, user: str = "operator") -> list[tuple[str, str, str]]:
        """Return verb, resource and name of all writes; reviews of rights are not among them."""
        return [
            (event["verb"], resource_of(event), event["objectRef"].get("name", ""))
            for event in self.requests(user)
            if event["verb"] in _WRITES
            and resource_of(event) != _REVIEWS
            and "dryRun" not in event["requestURI"]
        ]

    def used(self, user: str = "operator") -> set[tuple[str, str, str]]:
        """Return verb, API group and resource of every request."""
        return {
            (event["verb"], event["objectRef"].get("apiGroup", ""), resource_of(event))
            for event in self.requests(user)
            if "objectRef" in event
        }

    def job_nodes(self, user: str = "operator") -> list[str]:
        """Return the nodes that per-node Jobs were created for, in order."""
        created = [
            event
            for event in self.requests(user)
            if event["verb"] == "create"
            and resource_of(event) == "jobs"
            and event["responseStatus"]["code"] == 201
            and "dryRun" not in event["requestURI"]
        ]
        names = [event["objectRef"].get("name") or _name_of(event) for event in created]
        return [
            name.removeprefix("kata-deploy-install-").removeprefix("kata-deploy-cleanup-")
            for name in names
        ]


def resource_of(event: dict[str, Any]) -> str:
    reference = event.get("objectRef", {})
    subresource = reference.get("subresource")
    return (
        f"{reference.get('resource', '')}/{subresource}"
        if subresource
        else str(reference.get("resource", ""))
    )


def _name_of(event: dict[str, Any]) -> str:
    return str(event.get("responseObject", {}).get("metadata", {}).get("name", ""))


def everything(kube: Kube) -> set[str]:
    """Return the names of all objects, and the labels and annotations of Kata on nodes."""
    found: set[str] = set()
    for prefix in _groups(kube):
        for resource in kube.get(prefix)["resources"]:
            path = f"{prefix}/{resource['name']}"
            if (
                "/" in resource["name"]
                or "list" not in resource["verbs"]
                or any(n in path for n in _NOISE)
            ):
                continue
            for item in kube.get(path).get("items", []):
                metadata = item["metadata"]
                found.add(f"{resource['kind']} {metadata.get('namespace', '')}/{metadata['name']}")
                if resource["kind"] == "Node":
                    found |= set(_node_marks(metadata))
    for lease in kube.get("/apis/coordination.k8s.io/v1/namespaces/kube-system/leases")["items"]:
        found.add(f"Lease {lease['metadata']['name']}")
    return found


def _groups(kube: Kube) -> Iterator[str]:
    yield "/api/v1"
    for group in kube.get("/apis")["groups"]:
        yield f"/apis/{group['preferredVersion']['groupVersion']}"


def _node_marks(metadata: dict[str, Any]) -> Iterator[str]:
    for kind in ("labels", "annotations"):
        for key in metadata.get(kind, {}):
            if "kata" in key and not key.startswith("sandbox."):
                yield f"{kind} {key} of {metadata['name']}"


def marked(kube: Kube) -> set[str]:
    """Return the nodes with the mark of a complete install; traces of failed ones do not count."""
    nodes = kube.get("/api/v1/nodes")["items"]
    key = "kata-deploy.katacontainers.io/installed-default"
    marks = {n["metadata"]["name"]: n["metadata"].get("annotations", {}).get(key) for n in nodes}
    return {name for name, mark in marks.items() if mark and json.loads(mark)["digest"]}


def jobs(kube: Kube) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = kube.get("/apis/batch/v1/namespaces/kube-system/jobs")["items"]
    return items
