"""A simulated kubelet tells the product what a real one tells it of the same Job."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec
import pytest

from kata_components.kubernetes.pods import Pod
from sandbox.cluster import Cluster
from sandbox.kube import Kube, Manifest
from sandbox.real_node.images import PAUSE
from sandbox.real_node.obstacle import obstacle
from sandbox.switches import key
from tests.sandbox.jobs import JOBS, PODS, condition, pods_of
from tests.sandbox.waiting import until

pytestmark = [pytest.mark.real_node, pytest.mark.skipif(bool(obstacle()), reason=obstacle())]

HOST = {"usr": "/usr", "lib": "/usr/lib", "lib64": "/usr/lib64"}
"""What of a real node's Debian its containers see, so that they have a shell."""
STAGE = """
if [ "$1 $0" = "never-finishes cri" ]; then sleep 1000 & wait; fi
if [ "$1 $2" = "fail $0" ]; then echo "$0 does not work" >&2; exit 1; fi
exit 0
"""
"""A program that does what the pod's annotation would have a simulated kubelet do."""
LOGS, FILE = "FallbackToLogsOnError", "File"
SCENARIOS = {
    "success": (("fail", "nothing"), LOGS),
    "init-fails": (("fail", "artifacts"), LOGS),
    "init-fails-silently": (("fail", "artifacts"), FILE),
    "main-fails": (("fail", "cri"), LOGS),
    "deadline": (("never-finishes", "true"), LOGS),
}
"""What is switched, and the policy of messages."""
BOTH = [(name, kind) for name in SCENARIOS for kind in ("simulated", "real")]


class Told(NamedTuple):
    """What the product reads of a pod."""

    phase: str | None
    failed: tuple[str, int, str | None, bool] | None
    """Stage, exit code, reason, and whether there is a message."""
    stuck: str
    is_gone: bool


@pytest.fixture(scope="module")
def nodes(cluster: Cluster) -> Iterator[dict[str, str]]:
    """A new node of each kind."""
    (simulated,) = cluster.add_nodes(1)
    (real,) = cluster.add_real_nodes(1)
    yield {"simulated": simulated, "real": real}
    cluster.remove_nodes([real])


def test_both_kinds_of_kubelets_tell_the_same(kube: Kube, nodes: dict[str, str]) -> None:
    since = kube.get(PODS)["metadata"]["resourceVersion"]
    jobs = [start(kube, f"{name}-{kind}", nodes[kind], *SCENARIOS[name]) for name, kind in BOTH]
    for kind in nodes:
        expires_at_work(kube, f"deadline-{kind}")
    until(lambda: all(is_over(kube, job) for job in jobs), seconds=60)
    events = kube.events(PODS, since)
    for name in SCENARIOS:
        simulated, real = f"{name}-simulated", f"{name}-real"
        assert history(events, simulated) == history(events, real)
        assert conditions(kube, simulated) == conditions(kube, real)


def test_both_kinds_of_kubelets_report_the_same_facts(kube: Kube, nodes: dict[str, str]) -> None:
    status = {kind: kube.get(f"/api/v1/nodes/{node}")["status"] for kind, node in nodes.items()}
    simulated, real = status["simulated"], status["real"]
    assert simulated["nodeInfo"].keys() == real["nodeInfo"].keys()
    assert names(simulated["runtimeHandlers"]) == names(real["runtimeHandlers"])


def start(kube: Kube, name: str, node: str, switch: tuple[str, str], policy: str) -> str:
    """Start a Job with the stages of an installation, and return its name."""
    mounts = [{"name": name, "mountPath": f"/{name}"} for name in HOST]
    *before, last = (
        {
            "name": stage,
            "image": PAUSE,
            "command": ["/usr/bin/sh", "-c", STAGE, stage, *switch],
            "terminationMessagePolicy": policy,
            "volumeMounts": mounts,
        }
        for stage in ("host-check", "artifacts", "cri")
    )
    pod = {
        "restartPolicy": "Never",
        "nodeName": node,
        "terminationGracePeriodSeconds": 1,
        "initContainers": before,
        "containers": [last],
        "volumes": [{"name": name, "hostPath": {"path": path}} for name, path in HOST.items()],
    }
    switched = {"annotations": {key(switch[0]): switch[1]}}
    spec = {"backoffLimit": 0, "template": {"metadata": switched, "spec": pod}}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}, "spec": spec}
    kube.create(JOBS, job)
    return name


def expires_at_work(kube: Kube, job: str) -> None:
    """Let the deadline of a Job pass once its last stage is at work."""
    until(lambda: [pod["status"]["phase"] for pod in pods_of(kube, job)] == ["Running"], seconds=60)
    kube.merge(f"{JOBS}/{job}", {"spec": {"activeDeadlineSeconds": 1}})


def is_over(kube: Kube, job: str) -> bool:
    """Return whether a Job has ended, and its pods, if it has not deleted them, will not change."""
    left = ("deletionTimestamp" in pod["metadata"] for pod in pods_of(kube, job))
    return condition(kube, job) != "" and not any(left)


def history(events: list[Manifest], job: str) -> list[Told]:
    """Return what was told of the pod of a Job, without repetitions."""
    states = [
        told(event) for event in events if event["object"]["metadata"]["labels"]["job-name"] == job
    ]
    return [now for before, now in zip([None, *states], states, strict=False) if now != before]


def told(event: Manifest) -> Told:
    pod = msgspec.convert(event["object"], Pod)
    stage, end = pod.failed or ("", None)
    return Told(
        pod.status.phase if pod.status else None,
        (stage, end.exit_code, end.reason, bool(end.message)) if end else None,
        pod.stuck[0] if pod.stuck else "",
        event["type"] == "DELETED",
    )


def conditions(kube: Kube, job: str) -> list[tuple[str, str]]:
    found = kube.get(f"{JOBS}/{job}")["status"]["conditions"]
    return [(entry["type"], entry["reason"]) for entry in found]


def names(handlers: list[dict[str, Any]]) -> list[str]:
    return [handler["name"] for handler in handlers]
