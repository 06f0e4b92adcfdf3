"""Upstream's dispatcher in the model of a cluster: its command line, its pacing, and what it takes for a success."""

import asyncio
import copy
from collections import deque
from typing import TYPE_CHECKING, Any

from kata_components import names
from sandbox.dispatcher.arguments import parse
from tests.runner.selectors import matches

if TYPE_CHECKING:
    from tests.runner.cluster import Cluster

Object = dict[str, Any]

START_SECONDS = 2.0
POLL_SECONDS = 5.0
"""As the program polls."""


def is_dispatcher(job: Object) -> bool:
    return names.DISPATCHER_LABEL in (job["metadata"].get("labels") or {})


class DispatcherModel:
    """One dispatcher, from the start of its pod to its end. It stops at once when its Job is deleted."""

    def __init__(self, cluster: "Cluster", job: Object) -> None:
        self._cluster = cluster
        self._name, self._uid = job["metadata"]["name"], job["metadata"]["uid"]
        _, *words = job["spec"]["template"]["spec"]["containers"][0]["command"]
        self._told = parse(words)
        self._template = cluster.templates[self._told.job_template.name]
        self._in_flight: dict[str, str] = {}
        self._failed: list[str] = []
        metadata = {"name": f"{self._name}-x", "labels": {"job-name": self._name}}
        self._pod: Object = {"metadata": metadata, "status": {"phase": "Pending"}}
        cluster.pods[f"{self._name}-x"] = self._pod
        if cluster.dispatcher_fate == "waits":
            state = {"waiting": {"reason": "ImagePullBackOff", "message": "no such"}}
            self._pod["status"]["containerStatuses"] = [{"name": "dispatcher", "state": state}]
            return
        asyncio.get_running_loop().call_later(START_SECONDS, self._start)

    def _start(self) -> None:
        if not self._lives:
            return
        self._pod["status"]["phase"] = "Running"
        if self._cluster.dispatcher_fate == "crashes":
            ended = {"exitCode": 1, "reason": "Error", "message": "Error: nodes is forbidden"}
            self._pod["status"]["containerStatuses"] = [{"name": "dispatcher", "state": {"terminated": ended}}]
            self._failed = ["it"]
            self._end()
            return
        selected = [n for n, node in self._cluster.nodes.items() if self._takes(node)]
        self._waiting = deque(self._told.nodes or sorted(selected))
        self._look()

    def _takes(self, node: Object) -> bool:
        return matches(self._told.node_selector or "", node["metadata"]["labels"])

    @property
    def _lives(self) -> bool:
        job = self._cluster.jobs.get(self._name)
        return job is not None and job["metadata"]["uid"] == self._uid

    def _look(self) -> None:
        if not self._lives:
            return
        for node, name in list(self._in_flight.items()):
            status = self._cluster.jobs.get(name, {}).get("status", {})
            for condition in status.get("conditions", []):
                del self._in_flight[node]
                self._failed += [node] if condition["type"] == "Failed" else []
        while self._waiting and len(self._in_flight) < self._told.parallelism:
            node = self._waiting.popleft()
            self._in_flight[node] = self._create(node)
        if self._in_flight:
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._look)
        else:
            self._end()

    def _create(self, node: str) -> str:
        job = copy.deepcopy(self._template)
        metadata = job["metadata"]
        metadata["name"] = f"{self._told.name_prefix}-{node}"
        metadata["labels"] |= {names.OWNER_LABEL: self._told.name_prefix, names.NODE_LABEL: node}
        metadata["annotations"] = metadata.get("annotations", {}) | {names.NODE_NAME_ANNOTATION: node}
        if metadata["name"] not in self._cluster.jobs:
            self._cluster.create_job("kube-system", job)
        else:
            self._cluster.violations.append(f"the dispatcher took an earlier Job of {node} for its own")
        return str(metadata["name"])

    def _end(self) -> None:
        self._pod["status"]["phase"] = "Failed" if self._failed else "Succeeded"
        self._cluster.end_job(self._name, "fails" if self._failed else "succeeds")
