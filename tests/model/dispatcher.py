"""A model of upstream's dispatcher: its command line, its pacing, and what it calls a success."""

import asyncio
import copy
from collections import deque
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import yaml

from kata_components import names
from kata_components.runners import clock
from sandbox.dispatcher.arguments import parse
from sandbox.dispatcher.releases import program_of
from sandbox.dispatcher.taints import blocker
from tests.model import kubelet
from tests.model.history import RefusedError
from tests.model.node_jobs import handlers_of
from tests.model.selectors import matches

if TYPE_CHECKING:
    from tests.model.cluster import Cluster

Object = dict[str, Any]

FINISHING_POLLS = 3
"""Polls that the work on a node takes after its Job, from 4.1.0 on."""
LONGEST_FINISHING = 24
"""After so many polls, 120 seconds, without a handler the node has failed."""
START_SECONDS = 2.0
POLL_SECONDS = 5.0
"""The default of the program."""


def is_dispatcher(job: Object) -> bool:
    return names.DISPATCHER_LABEL in (job["metadata"].get("labels") or {})


def _template(cluster: "Cluster", job: Object, path: PurePath) -> Object:
    """Return the mounted file, from the ConfigMap or an annotation of the dispatcher's pod."""
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
    """One dispatcher, from the start of its pod to its end; it ends at once with its Job."""

    def __init__(self, cluster: "Cluster", job: Object) -> None:
        self._cluster = cluster
        self._name, self._uid = job["metadata"]["name"], job["metadata"]["uid"]
        container = job["spec"]["template"]["spec"]["containers"][0]
        self._arguments = parse(container["command"][1:], program_of(container))
        self._template = _template(cluster, job, self._arguments.job_template)
        self._in_flight: dict[str, str] = {}
        self._finishing: dict[str, int] = {}
        self._jobs: dict[str, Object] = {}
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
        selected = [n for n, node in self._cluster.nodes.items() if self._selects(node)]
        self._waiting = deque(self._arguments.nodes or sorted(selected))
        self._poll()

    def _selects(self, node: Object) -> bool:
        if (
            self._arguments.works_on_nodes
            and not self._arguments.ignore_node_taints
            and blocker(node, self._template)
        ):
            return False
        if self._arguments.skip_satisfied_nodes and self._is_satisfied(node):
            return False
        return any(
            matches(selector, node["metadata"]["labels"])
            for selector in self._arguments.node_selector or ("",)
        )

    def _is_satisfied(self, node: Object) -> bool:
        labels = node["metadata"]["labels"]
        own = names.instance_label(self._arguments.multi_install_suffix)
        return all(labels.get(key) == "true" for key in (names.RUNTIME_LABEL, own))

    @property
    def _lives(self) -> bool:
        job = self._cluster.jobs.get(self._name)
        return job is not None and job["metadata"]["uid"] == self._uid

    def _poll(self) -> None:
        if not self._lives:
            return
        for node, name in list(self._in_flight.items()):
            status = self._cluster.jobs.get(name, {}).get("status", {})
            for condition in status.get("conditions", []):
                del self._in_flight[node]
                if condition["type"] == "Failed":
                    self._fail(node, f"its job {name} failed: artifacts exited 1: no space left")
                elif self._arguments.node_label:
                    self._finishing[node] = 0
                elif self._arguments.remove_node_label:
                    self._release(node)
        self._finish()
        parallelism = self._arguments.parallelism
        while self._waiting and len(self._in_flight) + len(self._finishing) < parallelism:
            node = self._waiting.popleft()
            try:
                self._in_flight[node] = self._create(node)
            except RefusedError as refusal:
                self._fail(node, str(refusal))
        if self._in_flight or self._finishing:
            asyncio.get_running_loop().call_later(POLL_SECONDS, self._poll)
        else:
            self._end()

    def _finish(self) -> None:
        for node in list(self._finishing):
            self._finishing[node] += 1
            polls = self._finishing[node]
            if node in self._cluster.out_of_service:
                done, serves = polls >= FINISHING_POLLS, False
            else:
                serves = kubelet.serves(self._cluster.nodes[node], handlers_of(self._jobs[node]))
                done = polls >= (FINISHING_POLLS if serves else LONGEST_FINISHING)
            if done:
                del self._finishing[node]
                if serves:
                    self._label(node, str(self._arguments.node_label))
                    self._record(node, "succeeded")
                else:
                    self._fail(node, "node is not Ready or serves none of the handlers")

    def _release(self, node: str) -> None:
        if node in self._cluster.out_of_service:
            self._fail(node, "node is not Ready")
        else:
            self._label(node, None)
            self._record(node, None)

    def _fail(self, node: str, error: str) -> None:
        self._failed.append(node)
        self._record(node, "failed", error)

    def _record(self, node: str, result: str | None, error: str | None = None) -> None:
        """Leave what became of a node, as from 0.3.0 on."""
        if not self._arguments.reports or node not in self._cluster.nodes:
            return
        finished = f"{clock.time_of_day():%Y-%m-%dT%H:%M:%SZ}" if result else None
        self._cluster.patch_node(
            node,
            self._cluster.nodes[node]["metadata"]["uid"],
            annotations={names.ERROR_ANNOTATION: error, names.FINISHED_AT_ANNOTATION: finished},
            labels={names.RESULT_LABEL: result},
        )

    def _label(self, node: str, value: str | None, *, over: bool = True) -> None:
        metadata = self._cluster.nodes[node]["metadata"]
        own = names.instance_label(self._arguments.multi_install_suffix)
        keys = [key for key in (names.RUNTIME_LABEL, own) if over or key not in metadata["labels"]]
        self._cluster.patch_node(
            node, metadata["uid"], annotations={}, labels=dict.fromkeys(keys, value)
        )

    def _create(self, node: str) -> str:
        if self._arguments.claim_node_pending or self._arguments.remove_node_label:
            self._label(node, "false", over=self._arguments.remove_node_label)
        job = copy.deepcopy(self._template)
        metadata = job["metadata"]
        metadata["name"] = f"{self._arguments.name_prefix}-{node}"
        owner = {names.OWNER_LABEL: self._arguments.name_prefix}
        metadata["labels"] |= owner | {names.NODE_LABEL: node}
        pod = job["spec"]["template"].setdefault("metadata", {})
        pod["labels"] = pod.get("labels", {}) | owner
        metadata["annotations"] = metadata.get("annotations", {}) | {
            names.NODE_NAME_ANNOTATION: node
        }
        self._jobs[node] = job
        if metadata["name"] not in self._cluster.jobs:
            self._cluster.create_job("kube-system", job)
        elif not self._arguments.skip_satisfied_nodes:
            self._cluster.violations.append(
                f"the dispatcher took an earlier Job of {node} for its own"
            )
        return str(metadata["name"])

    def _end(self) -> None:
        self._pod["status"]["phase"] = "Failed" if self._failed else "Succeeded"
        self._cluster.end_job(self._name, "fails" if self._failed else "succeeds")
