"""`python -m sandbox.dispatcher --job-template=…`: runs as the program in the dispatcher's container would."""

import hashlib
import os
import re
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

import yaml

from sandbox.dispatcher.arguments import PROGRAM, Arguments, parse
from sandbox.errors import RefusedError, SandboxError
from sandbox.kube import Kube

POLL_SECONDS = "KATA_SANDBOX_DISPATCHER_POLL_SECONDS"
_OWNER = "kata-deploy-job-dispatcher/owner"
_NODE = "kata-deploy-job-dispatcher/node"
_NODE_NAME = "kata-deploy-job-dispatcher/node-name"
_LONGEST = 63
_NOT_FOUND, _CONFLICT = 404, 409

Manifest = dict[str, Any]


def main() -> int:
    """Do what the command line says; 0 when every Job has succeeded."""
    arguments = parse(sys.argv[1:], float(os.environ.get(POLL_SECONDS, "1")))
    try:
        with Kube.of_kubeconfig(Path(os.environ["KUBECONFIG"])) as kube:
            failed = FanOut(kube, arguments).run()
    except (SandboxError, OSError, yaml.YAMLError) as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    if failed:
        print(f"Error: {len(failed)} node(s) failed: {', '.join(sorted(failed))}", file=sys.stderr)
    return 1 if failed else 0


class FanOut:
    """One run: a Job for each node, so many at a time."""

    def __init__(self, kube: Kube, arguments: Arguments) -> None:
        self._kube = kube
        self._arguments = arguments
        self._namespace = arguments.namespace or os.environ.get("POD_NAMESPACE") or "default"
        self._jobs = f"/apis/batch/v1/namespaces/{self._namespace}/jobs"
        self._owner = sanitised(arguments.name_prefix)[:_LONGEST].rstrip("-")

    def run(self) -> list[str]:
        """Return the nodes whose Job failed."""
        template = yaml.safe_load(self._arguments.job_template.read_text(encoding="utf-8"))
        waiting = deque(self._nodes())
        owner = self._owner_reference() if waiting else None
        in_flight: dict[str, str] = {}
        failed: list[str] = []
        print(f"{PROGRAM}: {len(waiting)} nodes, {self._arguments.parallelism} at a time", file=sys.stderr)
        while waiting or in_flight:
            while waiting and len(in_flight) < self._arguments.parallelism:
                node = waiting.popleft()
                name = job_name(self._owner, node)
                if self._start(template, node, name, owner):
                    in_flight[node] = name
                else:
                    failed.append(node)
            time.sleep(self._arguments.poll_interval_secs)
            ended = {node: state for node, name in in_flight.items() if (state := self._state(name))}
            failed += [node for node, state in ended.items() if state == "Failed"]
            in_flight = {node: name for node, name in in_flight.items() if node not in ended}
        return failed

    def _nodes(self) -> list[str]:
        if self._arguments.nodes:
            return list(self._arguments.nodes)
        wanted = {
            "labelSelector": self._arguments.node_selector or "",
            "fieldSelector": self._arguments.node_field_selector or "",
            "limit": str(self._arguments.node_page_size),
        }
        names: list[str] = []
        position = ""
        while True:
            page = self._kube.get("/api/v1/nodes", **wanted, **({"continue": position} if position else {}))
            names += [node["metadata"]["name"] for node in page["items"]]
            position = page["metadata"].get("continue", "")
            if not position:
                return sorted(names)

    def _owner_reference(self) -> Manifest | None:
        name = self._arguments.owner_job_name
        if name is None:
            return None
        uid = self._kube.get(f"{self._jobs}/{name}")["metadata"]["uid"]
        reference = {"apiVersion": "batch/v1", "kind": "Job", "name": name, "uid": uid}
        return {**reference, "controller": False, "blockOwnerDeletion": False}

    def _start(self, template: Manifest, node: str, name: str, owner: Manifest | None) -> bool:
        try:
            self._kube.create(self._jobs, self._job(template, node, name, owner))
        except RefusedError as error:
            return error.status == _CONFLICT and self._is_ours(name)
        return True

    def _is_ours(self, name: str) -> bool:
        labels: dict[str, str] = self._kube.get(f"{self._jobs}/{name}")["metadata"].get("labels", {})
        return labels.get(_OWNER) == self._owner

    def _state(self, name: str) -> str:
        """Return `Complete` or `Failed`; empty while the Job runs, or cannot be read."""
        try:
            status = self._kube.get(f"{self._jobs}/{name}").get("status", {})
        except RefusedError as error:
            print(f"{PROGRAM}: job {name}: {error.status}", file=sys.stderr)
            return ""
        for condition in status.get("conditions", []):
            if condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}:
                return str(condition["type"])
        return "Complete" if status.get("succeeded", 0) else ""

    def _job(self, template: Manifest, node: str, name: str, owner: Manifest | None) -> Manifest:
        metadata = template.get("metadata", {})
        pod = template["spec"]["template"]
        labels = {_OWNER: self._owner}
        made = {
            **metadata,
            "name": name,
            "labels": {**metadata.get("labels", {}), **labels, _NODE: sanitised(node)},
            "annotations": {**metadata.get("annotations", {}), _NODE_NAME: node},
            **({"ownerReferences": [owner]} if owner else {}),
        }
        pod_metadata = pod.get("metadata", {})
        stamped = {
            "metadata": {**pod_metadata, "labels": {**pod_metadata.get("labels", {}), **labels}},
            "spec": {**pod["spec"], "nodeName": node},
        }
        return {**template, "metadata": made, "spec": {**template["spec"], "template": stamped}}


def sanitised(text: str) -> str:
    """Return text as a part of a name."""
    return re.sub(r"[^a-z0-9-]", "-", text.lower()).strip("-")


def job_name(prefix: str, node: str) -> str:
    """Return the name of a node's Job."""
    name = f"{prefix}-{sanitised(node)}"
    if len(name) <= _LONGEST:
        return name
    digest = hashlib.sha256(node.encode()).hexdigest()[:8]
    return f"{name[: _LONGEST - len(digest) - 1].rstrip('-')}-{digest}"


if __name__ == "__main__":
    sys.exit(main())
