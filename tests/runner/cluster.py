"""A model of a cluster: nodes, Jobs that end by themselves, their pods, Leases, a watch. Objects are as on the wire.

It knows no transport: `FakeKubeApi` calls it in virtual time, the server of the provider tests over sockets.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from kata_components import names
from tests.runner.dispatcher import DispatcherModel, is_dispatcher
from tests.runner.selectors import matches

Object = dict[str, Any]
Fate = Literal["succeeds", "fails", "hangs"]


class RefusedError(Exception):
    """The API server says no."""

    def __init__(self, status: int, reason: str, message: str = "") -> None:
        super().__init__(message or reason)
        self.status = status
        self.reason = reason


class Event(NamedTuple):
    version: int
    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Object


@dataclass
class Cluster:
    """`job_seconds` pass until a Job ends as its node's fate is; what must never happen is kept in `violations`."""

    job_seconds: float = 4.0
    fates: dict[str, Fate] = field(default_factory=dict)
    nodes: dict[str, Object] = field(default_factory=dict)
    jobs: dict[str, Object] = field(default_factory=dict)
    pods: dict[str, Object] = field(default_factory=dict)
    leases: dict[str, Object] = field(default_factory=dict)
    templates: dict[str, Object] = field(default_factory=dict)
    """The Jobs that a dispatcher reads, by the names of their files."""
    dispatchers: list[list[str]] = field(default_factory=list)
    """The command lines of all dispatchers that were started, in order."""
    dispatcher_fate: Literal["works", "waits", "crashes"] = "works"
    out_of_service: set[str] = field(default_factory=set)
    """Nodes that a dispatcher, where it looks, finds not Ready behind their Job."""
    objects: dict[str, Object] = field(default_factory=dict)
    """Other objects by their path behind the API version: `namespaces/kube-system`."""
    starts: list[str] = field(default_factory=list)
    """The nodes of all Jobs that were created, in order."""
    most_active: int = 0
    violations: list[str] = field(default_factory=list)
    forgotten: int = 0
    """A watch from before this version is told that it is too old."""

    def __post_init__(self) -> None:
        self._version = 0
        self._events: list[Event] = []
        self._followers: list[asyncio.Event] = []
        self.objects["namespaces/kube-system"] = {"metadata": {"name": "kube-system", "uid": "cluster-1"}}

    # What a test sets up and looks at.

    def add_nodes(
        self, *node_names: str, ready: bool = True, labels: dict[str, str] | None = None, taints: Sequence[Object] = ()
    ) -> None:
        for name in node_names:
            status = "True" if ready else "Unknown"
            self.nodes[name] = {
                "metadata": {
                    "name": name,
                    "uid": f"uid-{name}",
                    "labels": {"kubernetes.io/hostname": name, **(labels or {})},
                    "annotations": {},
                },
                "spec": {"taints": list(taints)},
                "status": {
                    "conditions": [{"type": "Ready", "status": status}],
                    "nodeInfo": {"machineID": f"machine-{name}", "architecture": "amd64"},
                },
            }

    def marked(self, suffix: str = "") -> list[str]:
        key = names.mark_annotation(suffix)
        return sorted(name for name, node in self.nodes.items() if key in node["metadata"]["annotations"])

    @property
    def active(self) -> list[Object]:
        """The per-node Jobs that work."""
        return [j for j in self.jobs.values() if not j["status"].get("conditions") and not is_dispatcher(j)]

    def end_job(self, name: str, fate: Fate = "succeeds") -> None:
        job = self.jobs[name]
        kind = "Complete" if fate == "succeeds" else "Failed"
        reason = {"reason": "BackoffLimitExceeded", "message": "Job has reached the specified backoff limit"}
        condition = {"type": kind, "status": "True"} | (reason if kind == "Failed" else {})
        job["status"] = {"conditions": [condition], "succeeded": int(kind == "Complete")}
        node = None if is_dispatcher(job) else self.nodes.get(node_of(job))
        if kind == "Failed" and not is_dispatcher(job):
            self._add_failed_pod(job)
        elif node and _labels_its_node(job):
            labels = node["metadata"]["labels"]
            labels.pop(names.RUNTIME_LABEL, None)
            if job["metadata"]["labels"][names.STAGE_LABEL] == "install":
                labels[names.RUNTIME_LABEL] = "true"
        self._tell("MODIFIED", job)

    # What the API server does.

    def list_objects(self, kept: dict[str, Object], selector: str) -> tuple[list[Object], str]:
        found = [copy.deepcopy(o) for o in kept.values() if matches(selector, o["metadata"].get("labels") or {})]
        return found, str(self._version)

    def find(self, kept: dict[str, Object], name: str) -> Object:
        if name not in kept:
            raise RefusedError(404, "NotFound", f"{name} not found")
        return copy.deepcopy(kept[name])

    def objects_at(self, path: str) -> list[Object]:
        """Return those of `objects` that stand directly in that collection, with their names."""
        inside = {key.removeprefix(path): found for key, found in self.objects.items() if key.startswith(path)}
        named = {name: found for name, found in inside.items() if "/" not in name}
        return [{**found, "metadata": {"name": name, **found["metadata"]}} for name, found in named.items()]

    def create_job(self, namespace: str, manifest: Object) -> Object:
        name = manifest["metadata"]["name"]
        if name in self.jobs:
            raise RefusedError(409, "AlreadyExists")
        job = copy.deepcopy(manifest) | {"status": {}}
        job["metadata"] |= {"namespace": namespace, "uid": self._next_uid()}
        if is_dispatcher(job):
            self.jobs[name] = job
            self.dispatchers.append(job["spec"]["template"]["spec"]["containers"][0]["command"])
            self._tell("ADDED", job)
            DispatcherModel(self, job)
            return copy.deepcopy(job)
        node = node_of(job)
        if any(node_of(other) == node for other in self.active):
            self.violations.append(f"two Jobs on {node}")
        self.jobs[name] = job
        self.starts.append(node)
        self.most_active = max(self.most_active, len(self.active))
        self._tell("ADDED", job)
        self._end_later(job)
        return copy.deepcopy(job)

    def delete_job(self, name: str, uid: str | None) -> None:
        job = self.find(self.jobs, name)
        if uid not in {None, job["metadata"]["uid"]}:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        if uid and self.jobs[name] in self.active:
            self.violations.append(f"{name} was deleted in mid-work")
        del self.jobs[name]
        for pod in [pod for pod, made in self.pods.items() if made["metadata"]["labels"]["job-name"] == name]:
            del self.pods[pod]
        self._tell("DELETED", job)

    def delete_jobs(self, selector: str, *, succeeded_only: bool) -> None:
        for job in self.list_objects(self.jobs, selector)[0]:
            if not succeeded_only or job["status"].get("succeeded") == 1:
                self.delete_job(job["metadata"]["name"], None)

    def annotate_node(
        self, name: str, uid: str, annotations: Mapping[str, str | None], labels: Mapping[str, str | None] | None = None
    ) -> None:
        metadata = self.find(self.nodes, name)["metadata"]
        if metadata["uid"] != uid:
            raise RefusedError(409, "Conflict", "the node has another UID")
        for kind, changes in (("annotations", annotations), ("labels", labels or {})):
            merged = {**metadata[kind], **changes}
            self.nodes[name]["metadata"][kind] = {k: v for k, v in merged.items() if v is not None}

    def patch_metadata(self, path: str, patch: Object) -> None:
        """Merge into the metadata of one of `objects`, as a merge patch does."""
        metadata = self.find(self.objects, path)["metadata"]
        if patch.get("resourceVersion", "") != metadata.get("resourceVersion", ""):
            raise RefusedError(409, "Conflict", "the object has been modified")
        for key, value in patch.items():
            if isinstance(value, dict):
                value = {k: v for k, v in {**metadata.get(key, {}), **value}.items() if v is not None}  # noqa: PLW2901
            metadata[key] = value
        self.objects[path]["metadata"] = metadata | {"resourceVersion": self._next_version()}

    def create_lease(self, namespace: str, manifest: Object) -> Object:
        name = manifest["metadata"]["name"]
        if name in self.leases:
            raise RefusedError(409, "AlreadyExists")
        lease = copy.deepcopy(manifest)
        lease["metadata"] |= {"namespace": namespace, "uid": self._next_uid(), "resourceVersion": self._next_version()}
        self.leases[name] = lease
        return copy.deepcopy(lease)

    def replace_lease(self, name: str, manifest: Object) -> Object:
        wanted = manifest["metadata"]
        if name not in self.leases and "uid" not in wanted:
            # Leases may be made by a PUT, unless it says which one it means.
            return self.create_lease(wanted.get("namespace", ""), manifest)
        if name not in self.leases:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        known = self.leases[name]["metadata"]
        if wanted.get("uid", known["uid"]) != known["uid"]:
            raise RefusedError(409, "Conflict", "the Lease has another UID")
        if wanted.get("resourceVersion", known["resourceVersion"]) != known["resourceVersion"]:
            raise RefusedError(409, "Conflict", "the Lease has been modified")
        lease = copy.deepcopy(manifest)
        lease["metadata"] = known | lease["metadata"] | {"resourceVersion": self._next_version()}
        self.leases[name] = lease
        return copy.deepcopy(lease)

    def delete_lease(self, name: str, uid: str) -> None:
        if self.find(self.leases, name)["metadata"]["uid"] != uid:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        del self.leases[name]

    async def follow(self, selector: str, resource_version: str) -> AsyncIterator[Event]:
        """Yield the changes of Jobs after a version, for ever."""
        position = int(resource_version)
        news = asyncio.Event()
        self._followers.append(news)
        while True:
            news.clear()
            if position < self.forgotten:
                raise RefusedError(410, "Expired", "too old resource version")
            for event in [event for event in self._events if event.version > position]:
                position = event.version
                if matches(selector, event.object["metadata"].get("labels") or {}):
                    yield event
            await news.wait()

    def forget(self) -> None:
        """Compact the history: every watch has to list again."""
        self.forgotten = int(self._next_version())
        self._wake()

    def _end_later(self, job: Object) -> None:
        fate = self.fates.get(node_of(job), "succeeds")
        if fate != "hangs":
            name, uid = job["metadata"]["name"], job["metadata"]["uid"]
            asyncio.get_running_loop().call_later(self.job_seconds, self._end_if_there, name, uid, fate)

    def _end_if_there(self, name: str, uid: str, fate: Fate) -> None:
        if name in self.jobs and self.jobs[name]["metadata"]["uid"] == uid:
            self.end_job(name, fate)

    def _add_failed_pod(self, job: Object) -> None:
        name = f"{job['metadata']['name']}-x"
        terminated = {"exitCode": 1, "reason": "Error", "message": None}
        self.pods[name] = {
            "metadata": {"name": name, "labels": {"job-name": job["metadata"]["name"]}},
            "status": {
                "phase": "Failed",
                "initContainerStatuses": [{"name": "artifacts", "state": {"terminated": terminated}}],
            },
        }

    def _tell(self, kind: Literal["ADDED", "MODIFIED", "DELETED"], job: Object) -> None:
        job["metadata"]["resourceVersion"] = self._next_version()
        self._events.append(Event(self._version, kind, copy.deepcopy(job)))
        self._wake()

    def _wake(self) -> None:
        for follower in self._followers:
            follower.set()

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    def _next_uid(self) -> str:
        self._version += 1
        return f"uid-{self._version}"


def _labels_its_node(job: Object) -> bool:
    """Whether the Job could label its node; without a token that is left to the dispatcher."""
    return job["spec"]["template"]["spec"].get("automountServiceAccountToken") is not False


def node_of(job: Object) -> str:
    node: str = job["metadata"]["annotations"][names.NODE_NAME_ANNOTATION]
    return node


LOG = "unpacking\nno space left on device\n"
"""What the failed stage of every pod wrote."""
