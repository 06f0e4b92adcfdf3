"""Job mode on real nodes, in one fleet with simulated ones, from 4.0.0 to 4.1.0."""

from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.observe import Audit, everything, marked
from tests.e2e.stack import Stack
from tests.real_node.machines import Machine

pytestmark = pytest.mark.real_node

KATA = {"runtimeClassName": "kata-qemu"}


def test_a_fleet_with_real_nodes_from_4_0_0_to_4_1_0(
    stack: Stack, cluster: Cluster, machines: list[Machine], kube: Kube
) -> None:
    before = everything(kube)
    first, second = machines
    fleet = {first.name, second.name, *cluster.workers()}
    a_broken_drop_in_is_refused(stack, Audit(cluster.audit_log))
    stack.configure(kataVersion="4.0.0", rollout={"runsIn": "cluster"})
    installed = stack.up()
    assert installed.ok, installed.text
    assert marked(kube) == fleet
    first.expect_kata("4.0.0")
    second.expect_kata("4.0.0")
    pods = [first.start_pod("with-kata", **KATA), first.start_pod("without-kata")]

    stack.configure(kataVersion="4.1.0", rollout={"runsIn": "pulumi"})
    cluster.behave(second.name, fail="cri")
    failed = stack.up()
    assert failed.code != 0
    the_cause_is_on_the_screen(failed.text, second.name)
    assert marked(kube) == fleet - {second.name}
    first.expect_kata("4.1.0")
    assert second.handlers() == {"kata-qemu"}
    pods.append(first.start_pod("with-new-kata", **KATA))
    for pod in pods:
        assert restarts(first, pod) == 0
        first.remove_pod(pod["metadata"]["name"])

    cluster.behave(second.name, fail=None)
    first.node.reimage()
    first.expect_nothing()
    stack.configure(rollout={"runsIn": "cluster"})
    mended = stack.up()
    assert mended.ok, mended.text
    assert f"rebuilt {first.name}: replaced by another machine since the install" in mended.text
    assert f"retry {second.name}: failed before" in mended.text
    first.expect_kata("4.1.0")
    second.expect_kata("4.1.0")

    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    first.expect_nothing()
    second.expect_nothing()
    assert everything(kube) == before


def a_broken_drop_in_is_refused(stack: Stack, audit: Audit) -> None:
    stack.configure(containerd={"userDropIn": "[broken"})
    refused = stack.preview()
    assert refused.code != 0
    assert "containerd.userDropIn" in refused.text
    assert audit.writes() == []
    stack.configure(containerd=None)


def the_cause_is_on_the_screen(text: str, node: str) -> None:
    [line] = [line for line in text.splitlines() if f"{node}: stage cri ended" in line]
    assert "with exit code 1, Error: Stage cri failed | Caused by: | 0: Failed to prepare" in line
    assert "No such device or address (os error 6)" in line


def restarts(machine: Machine, pod: dict[str, Any]) -> int:
    status = machine.pod(pod["metadata"]["name"])["status"]
    assert status["phase"] == "Running"
    return int(status["containerStatuses"][0]["restartCount"])
