"""A model of a cluster: nodes, Jobs that end by themselves, and their pods, all as on the wire.

It knows no transport: `FakeKubeApi` calls it in virtual time, the server of the provider tests
through sockets.
"""

import copy
import functools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from kata_components import names
from kata_components.runners import clock
from tests.model import pods
from tests.model.dispatcher import DispatcherModel, is_dispatcher
from tests.model.history import Object, RefusedError
from tests.model.node_jobs import handlers_of, installs, is_active, is_token_free, node_of
from tests.model.nodes import Nodes
from tests.model.store import HOME, Namespace

Fate = Literal["succeeds", "fails", "hangs"]


@dataclass
class Cluster(Nodes):
    """Jobs, pods and nodes; what must never happen is recorded, not prevented."""

    job_seconds: float = 4.0
    """How long a Job runs."""
    grace_seconds: float = 0.0
    """How long a terminating pod still works, after an eviction or the deletion of its Job."""
    fates: dict[str, Fate] = field(default_factory=dict)
    """How the Jobs of a node end, if they do not succeed."""
    no_pods_on: dict[str, str] = field(default_factory=dict)
    """Nodes whose Jobs get no pod, with the message of the refusal."""
    stages: dict[str, Object] = field(default_factory=dict)
    """Nodes whose first stage is in a special state, as in `initContainerStatuses`."""
    templates: dict[str, Object] = field(default_factory=dict)
    """The Jobs that a dispatcher reads, by file name."""
    unlabels_after: float | None = None
    """How long after its creation a cleanup Job with a token takes the label of its node away.

    None: at its end.
    """
    dispatchers: list[list[str]] = field(default_factory=list)
    """The command lines of all dispatchers that were started, in order."""
    dispatcher_fate: Literal["works", "waits", "crashes"] = "works"
    out_of_service: set[str] = field(default_factory=set)
    """Nodes that a dispatcher finds NotReady after their Job, if it checks."""
    starts: list[str] = field(default_factory=list)
    """The nodes of all Jobs that were created, in order."""
    most_active: int = 0
    """The largest number of per-node Jobs at a time."""
    log: str = "unpacking\nno space left on device\n"
    """The log of every failed stage."""

    # What tests set up and inspect.

    @property
    def active(self) -> list[Object]:
        """The active per-node Jobs of all namespaces."""
        return [job for job in self.kept("jobs") if is_active(job) and not is_dispatcher(job)]

    def at_work(self, node: str) -> list[Object]:
        """Return the pods that may change the host, including terminating ones."""
        return [pod for pod in self.kept("pods") if pods.works(pod) and pods.node_of(pod) == node]

    def end_job(self, name: str, fate: Fate = "succeeds", *, namespace: str = HOME) -> None:
        inside = self.namespaces[namespace]
        job = inside.jobs[name]
        for pod in pods.of_job(inside.pods, job):
            if pods.works(pod):
                pods.end(pod, ok=fate == "succeeds")
        if fate == "succeeds":
            self._conclude(job, {"type": "Complete", "status": "True"})
            return
        reason = "BackoffLimitExceeded"
        message = "Job has reached the specified backoff limit"
        self._conclude(
            job, {"type": "Failed", "status": "True", "reason": reason, "message": message}
        )

    def expire_job(self, name: str, *, namespace: str = HOME, waits: bool = True) -> None:
        """End a Job that exceeds its deadline: it has failed once its pod has terminated.

        Up to Kubernetes 1.30 (not `waits`) it has failed while its pod is still terminating.
        """
        inside = self.namespaces[namespace]
        job = inside.jobs[name]
        message = "Job was active longer than specified deadline"
        condition = {"status": "True", "reason": "DeadlineExceeded", "message": message}
        job["status"] = {"conditions": [{"type": "FailureTarget", **condition}]}
        self._tell("MODIFIED", job)
        self.terminate(namespace, job)

        def fail() -> None:
            if inside.jobs.get(name) is job and is_active(job):
                self._conclude(job, {"type": "Failed", **condition})

        if waits and pods.of_job(inside.pods, job):
            self._later(self.grace_seconds, fail)
        else:
            fail()

    def fail_pod(self, job_name: str) -> None:
        """Let a Job's pod fail and start the next one, within the Job's backoff limit."""
        inside = self.namespaces[HOME]
        job = inside.jobs[job_name]
        for pod in pods.of_job(inside.pods, job):
            pods.end(pod, ok=False)
        job["status"]["failed"] = job["status"].get("failed", 0) + 1
        self._tell("MODIFIED", job)
        self._add_pod(job)

    def evict_pod(self, job_name: str, *, namespace: str = HOME) -> None:
        """Evict a Job's pod, as a drain does; the Job controller creates another one."""
        inside = self.namespaces[namespace]
        job = inside.jobs[job_name]
        if all("deletionTimestamp" in pod["metadata"] for pod in pods.of_job(inside.pods, job)):
            return
        waits = job["spec"].get("podReplacementPolicy") == "Failed"

        def replace() -> None:
            lives = inside.jobs.get(job_name) is job and not job["status"].get("conditions")
            others = (
                pod
                for pod in pods.of_job(inside.pods, job)
                if "deletionTimestamp" not in pod["metadata"]
            )
            if lives and not any(map(pods.works, others)):
                self._add_pod(job)

        self.terminate(namespace, job)
        if waits and pods.of_job(inside.pods, job):
            self._later(self.grace_seconds, replace)
        else:
            replace()

    def terminate(self, namespace: str, job: Object) -> None:
        """Terminate the pods of a Job; those at work go on for the grace period."""
        inside = self.namespaces[namespace]
        for pod in pods.of_job(inside.pods, job):
            if pods.works(pod) and self.grace_seconds:
                pod["metadata"].setdefault("deletionTimestamp", pods.SOME_TIME)
                self._later(self.grace_seconds, self._remove_pod, inside, pod)
            else:
                self._remove_pod(inside, pod)

    # What the API server does.

    def tail(self, lines: int) -> str:
        return "".join(self.log.splitlines(keepends=True)[-lines:])

    def admit_job(self, namespace: str, manifest: Object) -> None:
        """Refuse a Job that cannot be created, for a create as for its dry run."""
        if manifest["metadata"]["name"] in self.namespaces[namespace].jobs:
            raise RefusedError(409, "AlreadyExists")

    def create_job(self, namespace: str, manifest: Object) -> Object:
        inside, name = self.namespaces[namespace], manifest["metadata"]["name"]
        self.admit_job(namespace, manifest)
        job = copy.deepcopy(manifest) | {"status": {}}
        job["metadata"] |= {"namespace": namespace, "uid": self._next_uid()}
        if "creationTimestamp" not in job["metadata"]:
            job["metadata"]["creationTimestamp"] = f"{clock.time_of_day():%Y-%m-%dT%H:%M:%SZ}"
        inside.jobs[name] = job
        if is_dispatcher(job):
            self.dispatchers.append(job["spec"]["template"]["spec"]["containers"][0]["command"])
            self._tell("ADDED", job)
            DispatcherModel(self, job)
            return copy.deepcopy(job)
        node = node_of(job)
        if self._beside(job):
            self.violations.append(f"two Jobs on {node}")
        self.starts.append(node)
        self.most_active = max(self.most_active, len(self.active))
        if node in self.nodes:
            self.ordering.job_created(job, self.nodes[node])
        self._tell("ADDED", job)
        self._add_pod(job)
        self._end_later(job)
        if self.unlabels_after is not None and not (is_token_free(job) or installs(job)):
            unlabel = functools.partial(self._label_node, job)
            self._later(self.unlabels_after, self._if_there, job, unlabel)
        return copy.deepcopy(job)

    def delete_job(self, name: str, uid: str | None, *, namespace: str = HOME) -> None:
        inside = self.namespaces[namespace]
        job = self.find(inside.jobs, name)
        if uid not in {None, job["metadata"]["uid"]}:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        if uid and inside.jobs[name] in self.active:
            self.violations.append(f"{name} was deleted while it was running")
        del inside.jobs[name]
        self.terminate(namespace, job)
        self._tell("DELETED", job)

    def delete_jobs(self, selector: str, *, succeeded_only: bool, namespace: str = HOME) -> None:
        for job in self.list_objects(self.namespaces[namespace].jobs, selector)[0]:
            if not succeeded_only or job["status"].get("succeeded") == 1:
                self.delete_job(job["metadata"]["name"], None, namespace=namespace)

    # How Jobs and pods progress.

    def _beside(self, job: Object) -> list[Object]:
        """Return the other active Jobs on the same host."""
        return [
            other for other in self.active if other is not job and node_of(other) == node_of(job)
        ]

    def _rivals(self, job: Object) -> list[Object]:
        """Return the pods that must have ended before a Job's next one starts."""
        return self.at_work(node_of(job))

    def _end_later(self, job: Object) -> None:
        fate = self.fates.get(node_of(job), "succeeds")
        if fate != "hangs":
            name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
            end = functools.partial(self.end_job, name, fate, namespace=namespace)
            self._later(self.job_seconds, self._if_there, job, end)

    def _if_there(self, job: Object, happen: Callable[[], None]) -> None:
        name, namespace = job["metadata"]["name"], job["metadata"]["namespace"]
        if self.namespaces[namespace].jobs.get(name) is job:
            happen()

    def _add_pod(self, job: Object) -> None:
        """Create the next pod of a Job. Two at work on one host must never happen."""
        node = node_of(job)
        if node in self.no_pods_on:
            self.warn_of(job["metadata"]["namespace"], job, "FailedCreate", self.no_pods_on[node])
            return
        if self._rivals(job):
            self.violations.append(f"two pods on {node}")
        pod = pods.made(job, self._next_uid(), starts=node in self.nodes)
        if node in self.stages:
            pod["status"]["initContainerStatuses"] = [
                {"name": "artifacts", "state": self.stages[node]}
            ]
        self.namespaces[job["metadata"]["namespace"]].pods[pod["metadata"]["name"]] = pod

    def warn_of(self, namespace: str, about: Object, reason: str, message: str) -> None:
        """Write a warning about an object, as an event."""
        metadata = about["metadata"]
        self.namespaces[namespace].events.append(
            {
                "metadata": {"name": f"{metadata['name']}.{self._next_version()}"},
                "involvedObject": {"uid": metadata["uid"]},
                "type": "Warning",
                "reason": reason,
                "message": message,
                "lastTimestamp": pods.SOME_TIME,
            }
        )

    @staticmethod
    def _remove_pod(inside: Namespace, pod: Object) -> None:
        name = pod["metadata"]["name"]
        if inside.pods.get(name) is pod:
            del inside.pods[name]

    def _conclude(self, job: Object, condition: Object) -> None:
        succeeded = int(condition["type"] == "Complete")
        job["status"] = {"conditions": [condition], "succeeded": succeeded}
        self._tell("MODIFIED", job)
        if not is_dispatcher(job) and node_of(job) in self.nodes:
            self._change_node(job, succeeded=bool(succeeded))

    def _change_node(self, job: Object, *, succeeded: bool) -> None:
        """Do what a Job has done to its node once it has ended."""
        node = node_of(job)
        if succeeded and not is_token_free(job) and (installs(job) or self.unlabels_after is None):
            self._label_node(job)
        if succeeded:
            self._restart_runtime(node, handlers_of(job), kata=installs(job))
        self.ordering.job_ended(job, self.nodes[node], succeeded=succeeded)

    def _label_node(self, job: Object) -> None:
        """Let a Job label its node, which one without a token cannot."""
        if node := self.nodes.get(node_of(job)):
            labels = node["metadata"]["labels"]
            labels.pop(names.RUNTIME_LABEL, None)
            if installs(job):
                labels[names.RUNTIME_LABEL] = "true"
            self.node_changed(node_of(job))
