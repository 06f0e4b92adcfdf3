"""4.2.0 on real nodes: its own stages, and a binary that comes and goes with the installation."""

import pytest

from sandbox.kube import Kube
from sandbox.real_node.images import SHELL_IMAGE
from tests.e2e.observe import everything
from tests.e2e.stack import Stack
from tests.real_node.machines import Machine

pytestmark = pytest.mark.real_node


def test_a_binary_comes_and_goes(stack: Stack, machines: list[Machine], kube: Kube) -> None:
    before = everything(kube)
    placed = [machine.node.root / "usr/local/bin/busybox" for machine in machines]
    stack.configure(nodeBinaries={"tools": {"image": SHELL_IMAGE, "binaries": ["busybox"]}})
    up = stack.up()
    assert up.ok, up.text
    for machine in machines:
        machine.expect_kata("4.2.0")
    assert [file.is_file() for file in placed] == [True, True]
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    for machine in machines:
        machine.expect_nothing()
    assert [file.exists() for file in placed] == [False, False]
    assert everything(kube) == before
