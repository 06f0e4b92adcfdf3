"""Upstream's dispatcher in the model of a cluster: its command line, its pacing, and what it takes for a success."""

import asyncio
import copy
from collections import deque
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import yaml

from kata_components import names
from sandbox.dispatcher.arguments import parse
from sandbox.dispatcher.taints import blocker
from tests.model.selectors import matches

if TYPE_CHECKING:
    from tests.model.cluster import Cluster

Object = dict[str, Any]

LOOKS_BEHIND = 3
"""Polls that the work on a node takes behind its Job, from 4.1.0 on."""
START_SECONDS = 2.0
POLL_SECONDS = 5.0
"""As the program polls."""


def is_dispatcher(job: Object) -> bool:
    return names.DISPATCHER_LABEL in (job["metadata"].get("labels") or {})


def _template(cluster: "Cluster", job: Object, path: PurePath) -> Object:
    """Return the file that is mounted there: of the ConfigMap, or an annotation of the dispatcher's own pod."""
    pod = job["spec"]["template"]
    (volume,) = pod["spec"]["volumes"]
    if "configMap" in volume:
        return cluster.templates[path.name]
    (item,) = volume["downwardAPI"]["items"]
    key = item["fieldRef"]["fieldPath"].removeprefix("metadata.annotations['").removesuffix("']")
    template: Object = yaml.safe_load(pod["metadata"]["annotations"][key])
    assert item["path"] == path.name
    return template


class DispatcherModel:
    """One dispatcher, from the start of its pod to its end.

    It stops at once when its Job is deleted.
    """

    def __init__(self, cluster: "Cluster", job: Object) -> None:
        self._cluster = cluster
        self._name, self._uid = job["metadata"]["name"], job["metadata"]["uid"]
        container = job["spec"]["template"]["spec"]["containers"][0]
        self._told = parse(container["command"][1:], container["image"].rpartition(":")[2])
        self._template = _template(cluster, job, self._told.job_template)
        self._in_flight: dict[str, str] = {}
        self._finishing: dict[str, int] = {}
        self._failed: list[str] = []
        owners = [{"kind": "Job", "name": self._name, "uid": self._uid}]
        metadata = {
            "name": f"{self._name}-x",
            "labels": {"job-name": self._name},
            "ownerReferences": owners,
        }
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
            self._pod["status"]["containerStatuses"] = [
                {"name": "dispatcher", "state": {"terminated": ended}}
            ]
            self._failed = ["it"]
            self._end()
            return
        selected = [n for n, node in self._cluster.nodes.items() if self._takes(node)]
        self._waiting = deque(self._told.nodes or sorted(selected))
        self._look()

    def _takes(self, node: Object) -> bool:
        if (
            self._told.works_on_nodes
            and not self._told.ignore_node_taints
            and blocker(node, self._template)
        ):
            return False
        return any(
            matches(selector, node["metadata"]["labels"])
            for selector in self._told.node_selector or ("",)
        )

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
                if condition["type"] == "Failed":
                    self._failed.append(node)
                elif self._told.node_label:
                    self._finishing[node] = LOOKS_BEHIND
                elif self._told.remove_node_label:
                    self._release(node)
        self._look_behind()
        while (
            self._waiting and len(self._in_flight) + len(self._finishing) < self._told.parallelism
        ):
            node = self._waiting.popleft()
            self._in_flight[node] = self._create(node)
        if self._in_flight or self._finishing:
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._look)
        else:
            self._end()

    def _look_behind(self) -> None:
        for node in list(self._finishing):
            self._finishing[node] -= 1
            if self._finishing[node] == 0:
                del self._finishing[node]
                if node in self._cluster.out_of_service:
                    self._failed.append(node)
                else:
                    self._label(node, str(self._told.node_label))

    def _release(self, node: str) -> None:
        if node in self._cluster.out_of_service:
            self._failed.append(node)
        else:
            self._label(node, None)

    def _label(self, node: str, value: str | None, *, over: bool = True) -> None:
        labels = self._cluster.nodes[node]["metadata"]["labels"]
        for key in (names.RUNTIME_LABEL, names.instance_label(self._told.multi_install_suffix)):
            if value is None:
                labels.pop(key, None)
            elif over or key not in labels:
                labels[key] = value

    def _create(self, node: str) -> str:
        if self._told.claim_node_pending or self._told.remove_node_label:
            self._label(node, "false", over=self._told.remove_node_label)
        job = copy.deepcopy(self._template)
        metadata = job["metadata"]
        metadata["name"] = f"{self._told.name_prefix}-{node}"
        owner = {names.OWNER_LABEL: self._told.name_prefix}
        metadata["labels"] |= owner | {names.NODE_LABEL: node}
        pod = job["spec"]["template"].setdefault("metadata", {})
        pod["labels"] = pod.get("labels", {}) | owner
        metadata["annotations"] = metadata.get("annotations", {}) | {
            names.NODE_NAME_ANNOTATION: node
        }
        if metadata["name"] not in self._cluster.jobs:
            self._cluster.create_job("kube-system", job)
        else:
            self._cluster.violations.append(
                f"the dispatcher took an earlier Job of {node} for its own"
            )
        return str(metadata["name"])

    def _end(self) -> None:
        self._pod["status"]["phase"] = "Failed" if self._failed else "Succeeded"
        self._cluster.end_job(self._name, "fails" if self._failed else "succeeds")
