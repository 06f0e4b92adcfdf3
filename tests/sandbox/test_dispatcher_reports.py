"""What the double of the dispatcher records, and what it does about other runs, from 0.3.0 on."""

from typing import Any

import pytest

from sandbox.dispatcher.arguments import parse
from sandbox.dispatcher.node_jobs import NodeJobs
from sandbox.dispatcher.reports import Reports
from sandbox.errors import RefusedError
from sandbox.kube import Kube

NODE: dict[str, Any] = {"metadata": {"name": "a", "uid": "1"}}
NEEDED = ["--job-template=t.yaml", "--name-prefix=kata-deploy-install", "--poll-interval-secs=0"]
LABEL, ERROR, TIME = (f"k8s-job-dispatcher/{key}" for key in ("result", "error", "finished-at"))
JOBS = "/apis/batch/v1/namespaces/default/jobs"


class Cluster(Kube):
    """An API server with objects by their paths; it notes what is written to nodes and Events."""

    def __init__(self, objects: dict[str, dict[str, Any]] | None = None) -> None:
        self.objects = objects or {}
        self.patches: list[dict[str, Any]] = []
        self.told: list[dict[str, Any]] = []

    def get(self, path: str, **params: str) -> dict[str, Any]:
        if path == JOBS and "labelSelector" in params:
            jobs = [item for key, item in self.objects.items() if key.startswith(f"{JOBS}/node-")]
            return {"items": jobs}
        if path not in self.objects:
            raise RefusedError(404, path)
        return self.objects[path]

    def delete(self, path: str) -> None:
        del self.objects[path.removesuffix("?propagationPolicy=Foreground")]

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        assert path == "/api/v1/nodes/a"
        self.patches.append(patch["metadata"])
        return {}

    def create(self, path: str, manifest: dict[str, Any], **_params: str) -> dict[str, Any]:
        assert path == "/api/v1/namespaces/default/events"
        self.told.append(manifest)
        return {}


class Refusing(Cluster):
    """An API server that lets nothing be written."""

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        raise RefusedError(403, f"{path} {patch}")

    def create(self, path: str, manifest: dict[str, Any], **_params: str) -> dict[str, Any]:
        raise RefusedError(403, f"{path} {manifest}")


def reports(kube: Kube, *flags: str) -> Reports:
    return Reports(kube, parse([*NEEDED, *flags], "k8s-job-dispatcher:0.3.0"))


def test_results_are_on_the_node_and_in_events() -> None:
    kube = Cluster()
    reports(kube).failed(NODE, "too old")
    reports(kube).succeeded(NODE)
    failed, succeeded = kube.patches
    assert (failed["labels"], failed["annotations"][ERROR]) == ({LABEL: "failed"}, "too old")
    assert (succeeded["labels"], succeeded["annotations"][ERROR]) == ({LABEL: "succeeded"}, None)
    assert failed["annotations"][TIME]
    seen = [(event["type"], event["reason"], event["message"]) for event in kube.told]
    assert seen[0] == ("Warning", "JobFailed", "too old")
    assert seen[1][:2] == ("Normal", "JobSucceeded")
    assert kube.told[0]["involvedObject"]["uid"] == "1"


def test_cleanup_removes_what_was_recorded() -> None:
    kube = Cluster()
    reports(kube, "--node-label-key=k", "--remove-node-label").succeeded(NODE)
    [patch] = kube.patches
    assert (patch["labels"], patch["annotations"]) == ({LABEL: None}, {ERROR: None, TIME: None})


def test_results_that_may_not_be_written_are_said_once(capsys: pytest.CaptureFixture[str]) -> None:
    refused = reports(Refusing())
    refused.failed(NODE, "too old")
    refused.succeeded(NODE)
    assert capsys.readouterr().err.count("a result is not recorded") == 1


def job(*owners: str, done: bool = False) -> dict[str, Any]:
    """Return a Job with owners, whose UIDs are like their names."""
    references = [{"apiVersion": "batch/v1", "kind": "Job", "name": o, "uid": o} for o in owners]
    conditions = [{"type": "Complete", "status": "True"}] if done else []
    return {"metadata": {"ownerReferences": references}, "status": {"conditions": conditions}}


def test_run_of_a_pod_knows_live_runs_and_leftovers_by_their_owners() -> None:
    mine, theirs, nobodys = "node-mine", "node-theirs", "node-nobodys"
    jobs = {mine: job("tick"), theirs: job("other"), nobodys: job()}
    for name, made in jobs.items():
        made["metadata"]["name"] = name
    pod = {"/api/v1/namespaces/default/pods/p": job("tick")}
    kube = Cluster({f"{JOBS}/{name}": made for name, made in jobs.items()} | pod)
    flags = ["--owner-job-from-pod=p", "--namespace=default"]
    others = NodeJobs(kube, parse([*NEEDED, *flags], "k8s-job-dispatcher:0.3.0"), {}).find_owner()
    assert others is not None
    assert others.at_work() == ""
    kube.objects[f"{JOBS}/other"] = job(done=True)
    assert others.at_work() == ""
    kube.objects[f"{JOBS}/other"] = job()
    assert others.at_work() == "other"
    others.sweep(0)
    assert f"{JOBS}/{mine}" in kube.objects
    assert not {f"{JOBS}/{theirs}", f"{JOBS}/{nobodys}"} & kube.objects.keys()
