"""Daemonset mode on real nodes: its pods install at their start and clean at their end."""

import pytest

from sandbox.kube import Kube
from tests.e2e.observe import everything
from tests.e2e.stack import Stack
from tests.real_node.machines import Machine

pytestmark = pytest.mark.real_node

QUICK = {name: {"periodSeconds": 1} for name in ("startupProbe", "readinessProbe")}


def test_from_4_0_0_to_4_1_0(stack: Stack, machines: list[Machine], kube: Kube) -> None:
    before = everything(kube)
    stack.configure(deploymentMode="daemonset", job=None, rollout=None, health=QUICK)
    stack.configure(updateStrategy={"rollingUpdate": {"maxUnavailable": "100%"}})
    for version in ("4.0.0", "4.1.0"):
        stack.configure(kataVersion=version)
        up = stack.up()
        assert up.ok, up.text
        for machine in machines:
            machine.expect_kata(version)
    machines[0].start_pod("with-kata", runtimeClassName="kata-qemu")
    machines[0].remove_pod("with-kata")
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    for machine in machines:
        machine.expect_nothing()
    assert everything(kube) == before
