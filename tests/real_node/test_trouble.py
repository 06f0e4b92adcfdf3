"""What happens to machines and their kubelets during a rollout, and what is told of it."""

import subprocess

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.observe import everything, marked
from tests.e2e.stack import Stack, read_until
from tests.real_node.machines import Machine
from tests.sandbox.waiting import until

pytestmark = pytest.mark.real_node

PODS = "/api/v1/namespaces/kube-system/pods"
NO_SUCH_IMAGE = "quay.io/kata-containers/no-such-image"


def test_a_canary_without_its_image_then_a_reboot_and_a_kubelet_that_stops(
    stack: Stack, cluster: Cluster, machines: list[Machine], kube: Kube
) -> None:
    before = everything(kube)
    stack.configure(kataVersion="4.0.0")
    an_image_that_cannot_be_pulled_is_named(stack, machines)

    stack.configure(job={"backoffLimit": 3})
    first, second = machines
    for machine in machines:
        cluster.behave(machine.name, never_finishes="true")
    process = stack.start("up", "--yes", "--skip-preview")
    until(lambda: all(configures_its_runtime(kube, machine) for machine in machines), seconds=60)
    for machine in machines:
        cluster.behave(machine.name, never_finishes=None)
    a_kubelet_that_stops_is_named(process, cluster, second)
    first.node.reboot()
    second.node.run("pkill", "-x", "kata-deploy")
    rest, _ = process.communicate(timeout=120)
    assert process.returncode == 0, rest
    assert marked(kube) == {first.name, second.name, *cluster.workers()}
    first.expect_kata("4.0.0")
    second.expect_kata("4.0.0")

    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    first.expect_nothing()
    second.expect_nothing()
    assert everything(kube) == before


def an_image_that_cannot_be_pulled_is_named(stack: Stack, machines: list[Machine]) -> None:
    """One canary is a real node: its time limit ends the rollout, and says why."""
    stack.configure(image={"reference": NO_SUCH_IMAGE})
    stack.configure(rollout={"waves": ["canary", "100%"], "nodeTimeoutSeconds": 12})
    failed = stack.up()
    assert failed.code != 0
    canary = machines[0].name
    assert f"canary {canary} failed" in failed.text
    assert f"{canary}: stage host-check cannot start" in failed.text
    assert f"{NO_SUCH_IMAGE}:4.0.0" in failed.text
    stack.configure(image=None)
    stack.configure(rollout={"waves": [], "nodeTimeoutSeconds": 3600})


def a_kubelet_that_stops_is_named(
    process: "subprocess.Popen[str]", cluster: Cluster, machine: Machine
) -> None:
    cluster.behave(machine.name, not_ready="true")
    read_until(process, f"{machine.name}: the node is NotReady")
    cluster.behave(machine.name, not_ready=None)


def configures_its_runtime(kube: Kube, machine: Machine) -> bool:
    """Return whether the stage `cri` runs on the node."""
    on_node = f"spec.nodeName={machine.name}"
    pods = kube.get(PODS, fieldSelector=on_node, labelSelector="job-name")["items"]
    stages = [
        status
        for pod in pods
        for kind in ("initContainerStatuses", "containerStatuses")
        for status in pod["status"].get(kind, [])
    ]
    return any(stage["name"] == "cri" and "running" in stage["state"] for stage in stages)
