"""The simulated kubelet, on a cluster of its own."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.control_plane import OPERATOR
from sandbox.errors import RefusedError
from sandbox.kube import Kube
from sandbox.nodes import worker, worker_name
from tests.sandbox.jobs import JOBS, condition, pods_of
from tests.sandbox.waiting import until

pytestmark = pytest.mark.e2e

DAEMON_SETS = "/apis/apps/v1/namespaces/default/daemonsets"
LABEL = "katacontainers.io/kata-runtime"
INSTALL = ["host-check", "artifacts", "cri", "label"]
CLEANUP = ["unlabel", "revert-cri", "remove-artifacts"]


def label_of(kube: Kube, node: str) -> str | None:
    labels: dict[str, str] = kube.get(f"/api/v1/nodes/{node}")["metadata"]["labels"]
    return labels.get(LABEL)


def test_an_install_job_runs_all_containers_and_labels_the_node(
    kube: Kube, run: Callable[..., str]
) -> None:
    job = run("worker-0001", INSTALL)
    until(lambda: condition(kube, job) == "Complete")
    (pod,) = pods_of(kube, job)
    statuses = pod["status"]["initContainerStatuses"] + pod["status"]["containerStatuses"]
    assert [(status["name"], status["state"]["terminated"]["exitCode"]) for status in statuses] == [
        (name, 0) for name in INSTALL
    ]
    assert label_of(kube, "worker-0001") == "true"


def test_a_cleanup_job_removes_the_label(kube: Kube, run: Callable[..., str]) -> None:
    kube.merge("/api/v1/nodes/worker-0002", {"metadata": {"labels": {LABEL: "true"}}})
    job = run("worker-0002", CLEANUP)
    until(lambda: condition(kube, job) == "Complete")
    assert label_of(kube, "worker-0002") is None


def test_a_chosen_container_fails_with_a_reason_and_later_ones_never_start(
    cluster: Cluster, kube: Kube, run: Callable[..., str]
) -> None:
    cluster.behave("worker-0003", fail="artifacts")
    job = run("worker-0003", INSTALL)
    until(lambda: condition(kube, job) == "Failed")
    (pod,) = pods_of(kube, job)
    states = {status["name"]: status["state"] for status in pod["status"]["initContainerStatuses"]}
    assert states["host-check"]["terminated"]["exitCode"] == 0
    assert states["artifacts"]["terminated"]["exitCode"] == 1
    assert "waiting" in states["cri"]
    assert label_of(kube, "worker-0003") is None


def test_a_node_can_fail_a_number_of_times_and_then_succeed(
    cluster: Cluster, kube: Kube, run: Callable[..., str]
) -> None:
    cluster.behave("worker-0004", fail_times="1")
    job = run("worker-0004", INSTALL, backoffLimit=2)
    until(lambda: condition(kube, job) == "Complete", seconds=60)
    assert sorted(pod["status"]["phase"] for pod in pods_of(kube, job)) == ["Failed", "Succeeded"]


def test_a_job_on_a_node_that_never_finishes_ends_by_its_deadline(
    cluster: Cluster, kube: Kube, run: Callable[..., str]
) -> None:
    cluster.behave("worker-0005", never_finishes="true")
    job = run("worker-0005", INSTALL, activeDeadlineSeconds=3)
    until(lambda: condition(kube, job) == "Failed")
    assert kube.get(f"{JOBS}/{job}")["status"]["conditions"][-1]["reason"] == "DeadlineExceeded"


def test_pods_wait_for_a_node_that_is_not_ready(
    cluster: Cluster, kube: Kube, run: Callable[..., str]
) -> None:
    def ready() -> str:
        conditions = kube.get("/api/v1/nodes/worker-0006")["status"]["conditions"]
        return str(next(entry["status"] for entry in conditions if entry["type"] == "Ready"))

    cluster.behave("worker-0006", not_ready="true")
    until(lambda: ready() == "Unknown")
    job = run("worker-0006", INSTALL)
    until(lambda: len(pods_of(kube, job)) == 1)
    assert "startTime" not in pods_of(kube, job)[0]["status"]
    cluster.behave("worker-0006", not_ready=None)
    until(lambda: ready() == "True" and condition(kube, job) == "Complete")


def test_the_program_of_a_dispatcher_pod_runs_with_its_command_line_and_account(
    kube: Kube,
) -> None:
    labels = {"kata-deploy/dispatcher": "install"}
    kube.create("/api/v1/namespaces/default/serviceaccounts", {"metadata": {"name": "powerless"}})
    kube.create(
        "/api/v1/namespaces/default/configmaps",
        {"metadata": {"name": "job"}, "data": {"job.yaml": "{}"}},
    )

    def ended(name: str, *words: str) -> dict[str, Any]:
        """Run a dispatcher with these arguments and return how its container ended."""
        mounts = [{"name": "job", "mountPath": "/etc/job"}]
        command = ["/usr/bin/kata-deploy-job-dispatcher", *words]
        pod = {
            "restartPolicy": "Never",
            "serviceAccountName": "powerless",
            "containers": [
                {
                    "name": "dispatcher",
                    "image": "dispatcher:4.0.0",
                    "command": command,
                    "volumeMounts": mounts,
                }
            ],
            "volumes": [{"name": "job", "configMap": {"name": "job"}}],
        }
        spec = {"backoffLimit": 0, "template": {"metadata": {"labels": labels}, "spec": pod}}
        kube.create(
            JOBS,
            {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec},
        )
        until(lambda: condition(kube, name) != "")
        terminated: dict[str, Any] = pods_of(kube, name)[0]["status"]["containerStatuses"][0][
            "state"
        ]["terminated"]
        return terminated

    template, prefix = "--job-template=/etc/job/job.yaml", "--name-prefix=p"
    unknown = ended("unknown-flag", template, prefix, "--node-label=true")
    assert (
        unknown["exitCode"],
        "unrecognized arguments: --node-label=true" in unknown["message"],
    ) == (2, True)
    powerless = ended("powerless", template, prefix)
    assert powerless["exitCode"] == 1
    assert "system:serviceaccount:default:powerless" in powerless["message"]
    assert ended("nobody", "--job-template=/elsewhere.yaml", prefix)["exitCode"] == 1


def test_a_dispatcher_pod_goes_to_a_simulated_node_where_its_program_runs(kube: Kube) -> None:
    labels = {"kata-deploy/dispatcher": "install"}
    spec = {"containers": [{"name": "a", "image": "none"}], "nodeSelector": {"disk": "fast"}}
    pod = {"metadata": {"name": "a", "labels": labels}, "spec": spec}
    made = kube.create("/api/v1/namespaces/default/pods", pod, dryRun="All")
    selected = made["spec"]["nodeSelector"]
    assert selected == {"disk": "fast", "topology.kubernetes.io/region": "local-1"}
    simulated = {"disk": "fast", **worker(1)["metadata"]["labels"]}
    assert selected.items() <= simulated.items()


def test_daemon_pods_label_their_nodes_while_they_live(kube: Kube) -> None:
    nodes = ["worker-0007", "worker-0008"]
    terms = [
        {"matchExpressions": [{"key": "kubernetes.io/hostname", "operator": "In", "values": nodes}]}
    ]
    affinity = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}
        }
    }
    pod = {
        "metadata": {"labels": {"name": "kata-deploy"}},
        "spec": {"affinity": affinity, "containers": [{"name": "kube-kata", "image": "none"}]},
    }
    spec = {"selector": {"matchLabels": {"name": "kata-deploy"}}, "template": pod}
    daemon_set = {
        "apiVersion": "apps/v1",
        "kind": "DaemonSet",
        "metadata": {"name": "kata-deploy"},
        "spec": spec,
    }
    kube.create(DAEMON_SETS, daemon_set)
    until(lambda: kube.get(f"{DAEMON_SETS}/kata-deploy")["status"].get("numberReady") == len(nodes))
    assert [label_of(kube, node) for node in nodes] == ["true", "true"]
    kube.delete(f"{DAEMON_SETS}/kata-deploy")
    until(lambda: [label_of(kube, node) for node in nodes] == [None, None])


def test_nodes_come_go_and_are_replaced(cluster: Cluster, kube: Kube) -> None:
    names = cluster.workers()
    added = cluster.add_nodes(2)
    assert added == [worker_name(len(names) + 1), worker_name(len(names) + 2)]
    before = kube.get(f"/api/v1/nodes/{added[0]}")
    cluster.replace_node(added[0])
    after = kube.get(f"/api/v1/nodes/{added[0]}")
    assert before["metadata"]["uid"] != after["metadata"]["uid"]
    assert before["status"]["nodeInfo"]["machineID"] != after["status"]["nodeInfo"]["machineID"]
    cluster.remove_nodes(added)
    assert cluster.workers() == names


def test_a_killed_api_server_comes_back_with_everything(cluster: Cluster, kube: Kube) -> None:
    names = cluster.workers()
    cluster.kill_apiserver()
    assert not kube.answers()
    cluster.start_apiserver()
    assert cluster.workers() == names


def test_a_stopped_cluster_starts_again_as_it_was(cluster: Cluster) -> None:
    names = cluster.workers()
    cluster.stop()
    assert cluster.status().endswith(": stopped")
    cluster.start()
    assert cluster.workers() == names


def test_the_operator_has_no_rights_until_granted_and_the_audit_log_says_so(
    cluster: Cluster,
) -> None:
    assert cluster.kubeconfig_of(OPERATOR) != cluster.kubeconfig
    with cluster.control_plane.connect(OPERATOR) as kube, pytest.raises(RefusedError) as refused:
        kube.get("/api/v1/nodes")
    assert refused.value.status == 403
    until(lambda: refusals(cluster.audit_log) == [403])


def refusals(log: Path) -> list[int]:
    events = [
        json.loads(line)
        for line in log.read_text(encoding="utf-8").splitlines(keepends=True)
        if line[-1] == "\n"
    ]
    return [
        event["responseStatus"]["code"]
        for event in events
        if event["user"]["username"] == OPERATOR and event["objectRef"].get("resource") == "nodes"
    ]


def test_a_namespace_sets_how_long_its_own_pods_take(kube: Kube) -> None:
    pod = {
        "metadata": {"name": "probe"},
        "spec": {"containers": [{"name": "main", "image": "none"}]},
    }

    def seconds(namespace: str) -> str:
        made = kube.create(f"/api/v1/namespaces/{namespace}/pods", pod, dryRun="All")
        return str(made["metadata"].get("annotations", {}).get("sandbox.kata-deploy/seconds"))

    until(lambda: seconds("default") == "0.4", 30)
    assert seconds("kube-system") == "None"
