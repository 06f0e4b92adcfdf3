"""The Jobs of a dispatcher, one for each node (contract 5.6, 5.7)."""

import hashlib
import os
import re
import sys
from collections.abc import Mapping
from typing import Any

from sandbox.dispatcher.arguments import Arguments
from sandbox.dispatcher.errors import NodeError
from sandbox.dispatcher.other_runs import OtherRuns
from sandbox.errors import RefusedError
from sandbox.kube import Kube

_LONGEST = 63
_NOT_FOUND, _CONFLICT = 404, 409

Manifest = dict[str, Any]


class NodeJobs:
    """Creates Jobs from a template and reads their state."""

    def __init__(self, kube: Kube, arguments: Arguments, template: Manifest) -> None:
        self._kube = kube
        self._arguments = arguments
        self._template = template
        namespace = arguments.namespace or os.environ.get("POD_NAMESPACE") or "default"
        self._path = f"/apis/batch/v1/namespaces/{namespace}/jobs"
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._owner = sanitised(arguments.name_prefix)[:_LONGEST].rstrip("-")
        self._owner_label = f"{arguments.tracking_label_prefix}/owner"
        self._owners: list[Manifest] = []

    def find_owner(self) -> OtherRuns | None:
        """Look up the Job that will own the others; return what it does not own."""
        name, pod = self._arguments.owner_job_name, self._arguments.owner_job_from_pod
        if pod:
            (owner,) = self._kube.get(f"{self._pods}/{pod}")["metadata"]["ownerReferences"]
            reference = {key: owner[key] for key in ("apiVersion", "kind", "name", "uid")}
        elif name:
            uid = self._kube.get(f"{self._path}/{name}")["metadata"]["uid"]
            reference = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
        else:
            return None
        self._owners = [{**reference, "controller": False, "blockOwnerDeletion": False}]
        selector = f"{self._owner_label}={self._owner}"
        return OtherRuns(self._kube, self._path, selector, reference)

    def create(self, node: str, variables: Mapping[str, str]) -> None:
        """Create the Job of a node, or take an earlier one of the same name for this run's.

        With an owner, the Jobs of earlier runs have been swept before, from 4.1.0 on.
        """
        try:
            self._kube.create(self._path, self._job(node, variables))
        except RefusedError as error:
            if error.status != _CONFLICT:
                raise
            if not self._is_ours(node):
                raise NodeError("has a Job of another run") from error

    def state(self, node: str) -> str:
        """Return `Complete` or `Failed`; empty while the Job runs or cannot be read."""
        name = self._name(node)
        try:
            status = self._kube.get(f"{self._path}/{name}").get("status", {})
        except RefusedError as error:
            print(f"{self._arguments.program}: job {name}: {error.status}", file=sys.stderr)
            is_lost = self._arguments.works_on_nodes and error.status == _NOT_FOUND
            return "Failed" if is_lost else ""
        for condition in status.get("conditions", []):
            if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
                return str(condition["type"])
        return "Complete" if status.get("succeeded", 0) else ""

    def failure(self, node: str) -> str:
        """Return why a Job has failed, which its pods tell a program that reports."""
        name = self._name(node)
        if not self._arguments.reports:
            return f"job {name} failed"
        pods = self._kube.get(self._pods, labelSelector=f"job-name={name}")["items"]
        words = next((_words(pod) for pod in reversed(pods)), "")
        return f"its job {name} failed: {words}"

    def _name(self, node: str) -> str:
        name = long_job_name if self._arguments.works_on_nodes else job_name
        return name(self._owner, node)

    def _is_ours(self, node: str) -> bool:
        metadata = self._kube.get(f"{self._path}/{self._name(node)}")["metadata"]
        return bool(metadata.get("labels", {}).get(self._owner_label) == self._owner)

    def _job(self, node: str, variables: Mapping[str, str]) -> Manifest:
        metadata = self._template.get("metadata", {})
        pod = self._template["spec"]["template"]
        prefix = self._arguments.tracking_label_prefix
        labels = {self._owner_label: self._owner}
        made = {
            **metadata,
            "name": self._name(node),
            "labels": {**metadata.get("labels", {}), **labels, f"{prefix}/node": sanitised(node)},
            "annotations": {**metadata.get("annotations", {}), f"{prefix}/node-name": node},
            **({"ownerReferences": self._owners} if self._owners else {}),
        }
        pod_metadata = pod.get("metadata", {})
        containers = {
            kind: [_with_variables(container, variables) for container in pod["spec"][kind]]
            for kind in ("initContainers", "containers")
            if kind in pod["spec"]
        }
        stamped = {
            "metadata": {**pod_metadata, "labels": {**pod_metadata.get("labels", {}), **labels}},
            "spec": {**pod["spec"], **containers, "nodeName": node},
        }
        return {
            **self._template,
            "metadata": made,
            "spec": {**self._template["spec"], "template": stamped},
        }


def _words(pod: Manifest) -> str:
    status = pod["status"]
    for container in [*status.get("initContainerStatuses", []), *status["containerStatuses"]]:
        ended = container["state"].get("terminated", {})
        if ended.get("exitCode"):
            return f"{container['name']} exited {ended['exitCode']}: {ended.get('message', '')}"
    return ""


def _with_variables(container: Manifest, variables: Mapping[str, str]) -> Manifest:
    given = container.get("env", [])
    known = {entry["name"] for entry in given}
    added = [
        {"name": name, "value": value} for name, value in variables.items() if name not in known
    ]
    return {**container, "env": [*given, *added]}


def sanitised(text: str) -> str:
    """Return text as a part of a name."""
    return re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")


def job_name(prefix: str, node: str) -> str:
    """Return the name of a node's Job up to 4.0.0."""
    name = f"{prefix}-{sanitised(node)}"
    return name if len(name) <= _LONGEST else _hashed(name, node, 8)


def long_job_name(prefix: str, node: str) -> str:
    """Return the name of a node's Job from 4.1.0 on, with a hash if it might not be unique."""
    name = sanitised(f"{prefix}-{node}")
    unchanged = name == f"{prefix}-{node}" and len(name) <= _LONGEST
    return name if unchanged else _hashed(name, f"{prefix}\0{node}", 24)


def _hashed(name: str, key: str, digits: int) -> str:
    digest = hashlib.sha256(key.encode()).hexdigest()[:digits]
    return f"{name[: _LONGEST - digits - 1].rstrip('-')}-{digest}"
