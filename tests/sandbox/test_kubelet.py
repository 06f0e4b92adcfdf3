"""What a simulated kubelet reports when its container runtime is restarted, and at its switches."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.sandbox.jobs import condition
from tests.sandbox.waiting import until

pytestmark = pytest.mark.e2e

SHARED, OWN = "katacontainers.io/kata-runtime", "kata-deploy.katacontainers.io/default"
INSTALL_4_0 = ["host-check", "artifacts", "cri", "label"]
CLEANUP_4_0 = ["unlabel", "revert-cri", "remove-artifacts"]
INSTALL = ["host-check", "artifacts", "cri"]
CLEANUP = ["revert-cri", "remove-artifacts"]
INSTALL_4_2 = ["load-kernel-modules", *INSTALL]
CLEANUP_4_2 = ["revert-cri", "node-binaries-remove", "remove-artifacts"]
RUNC = {"", "runc"}
KATA = RUNC | {"kata-clh", "kata-qemu", "kata-qemu-runtime-rs"}


class Machine:
    """A node and the Jobs on it."""

    def __init__(self, cluster: Cluster, kube: Kube, run: Callable[..., str], name: str) -> None:
        self.name = name
        self._cluster = cluster
        self._kube = kube
        self._run = run

    def get(self) -> dict[str, Any]:
        return self._kube.get(f"/api/v1/nodes/{self.name}")

    def merge(self, **patch: Any) -> None:
        self._kube.merge(f"/api/v1/nodes/{self.name}", patch)

    def behave(self, **switches: str | None) -> None:
        self._cluster.behave(self.name, **switches)

    def done(self, containers: list[str], suffix: str = "", mounted: str = "") -> None:
        """Run a Job to its end, which may mount a ConfigMap."""
        job = self._run(self.name, containers, suffix, mounted)
        until(lambda: condition(self._kube, job) == "Complete")

    def seconds_until(self, holds: Callable[[], bool]) -> float:
        """Wait; return the seconds since the container runtime was restarted."""
        until(holds)
        restarted = self.get()["metadata"]["annotations"]["sandbox.kata-deploy/restarted"]
        return time.time() - int(restarted) / 1000

    @property
    def handlers(self) -> set[str] | None:
        handlers = self.get()["status"].get("runtimeHandlers")
        return None if handlers is None else {handler["name"] for handler in handlers}

    @property
    def ready(self) -> str:
        conditions = self.get()["status"]["conditions"]
        return str(next(entry["status"] for entry in conditions if entry["type"] == "Ready"))

    @property
    def labels(self) -> dict[str, str]:
        labels = self.get()["metadata"]["labels"]
        return {key: labels[key] for key in (SHARED, OWN) if key in labels}


@pytest.fixture
def machine(cluster: Cluster, kube: Kube, run: Callable[..., str]) -> Machine:
    """Return a new node. It stays: kwok takes seconds for one that has the name of another."""
    (name,) = cluster.add_nodes(1)
    return Machine(cluster, kube, run, name)


@pytest.mark.parametrize(
    ("install", "cleanup"),
    [(INSTALL_4_0, CLEANUP_4_0), (INSTALL, CLEANUP), (INSTALL_4_2, CLEANUP_4_2)],
    ids=["4.0.0", "4.1.0", "4.2.0"],
)
def test_handlers_come_with_an_install_and_go_with_a_cleanup(
    machine: Machine, install: list[str], cleanup: list[str]
) -> None:
    assert machine.handlers == RUNC
    machine.done(install)
    assert machine.handlers == KATA
    machine.done(cleanup)
    assert machine.handlers == RUNC


def test_two_installations_have_their_own_handlers(machine: Machine) -> None:
    others = {"kata-clh-dev", "kata-qemu-dev", "kata-qemu-runtime-rs-dev"}
    machine.done(INSTALL)
    machine.done(INSTALL, "dev")
    until(lambda: machine.handlers == KATA | others)
    machine.done(CLEANUP)
    until(lambda: machine.handlers == RUNC | others)
    machine.done(CLEANUP, "dev")
    assert machine.handlers == RUNC


def test_custom_runtimes_have_handlers_too(machine: Machine, kube: Kube) -> None:
    lists = "/api/v1/namespaces/default/configmaps"
    text = "kata-mine:qemu::\nkata-yours:clh::\n"
    kube.create(lists, {"metadata": {"name": "mine"}, "data": {"custom-runtimes.list": text}})
    others = {"metadata": {"name": "others"}, "data": {"custom-runtimes.list": "kata-other:qemu"}}
    kube.create(lists, others)
    time.sleep(0.2)  # The policy sees a new ConfigMap with a delay.
    machine.done(INSTALL, mounted="mine")
    assert machine.handlers == KATA | {"kata-mine", "kata-yours"}


def test_handlers_come_and_go_late(machine: Machine) -> None:
    machine.behave(handlers_after="2")
    machine.done(INSTALL)
    assert machine.handlers == RUNC
    machine.merge(metadata={"labels": {SHARED: "false"}})
    assert machine.seconds_until(lambda: machine.handlers == KATA) > 2
    machine.done(CLEANUP)
    assert machine.handlers == KATA
    assert machine.seconds_until(lambda: machine.handlers == RUNC) > 2


def test_a_switch_of_the_namespace_applies_to_all_nodes(cluster: Cluster, machine: Machine) -> None:
    cluster.behave_all("default", handlers_after="2")
    try:
        machine.done(INSTALL)
        assert machine.handlers == RUNC
        assert machine.seconds_until(lambda: machine.handlers == KATA) > 2
    finally:
        cluster.behave_all("default", handlers_after=None)


def test_a_node_without_switches_falls_back_to_those_of_the_namespace(
    cluster: Cluster, machine: Machine
) -> None:
    cluster.pod_seconds(0.3)
    try:
        machine.behave(seconds="9")
        machine.behave(seconds=None, no_handlers=None)
    finally:
        cluster.pod_seconds(None)


def test_handlers_never_come(machine: Machine) -> None:
    machine.done(INSTALL)
    machine.behave(handlers_after="never")
    assert machine.handlers == KATA
    machine.done(CLEANUP)
    machine.done(INSTALL_4_0)
    time.sleep(1)
    assert machine.handlers == RUNC
    machine.behave(handlers_after=None)
    until(lambda: machine.handlers == KATA)


def test_handlers_vanish(machine: Machine) -> None:
    machine.behave(handlers_gone_after="2")
    machine.done(INSTALL)
    assert machine.handlers == KATA
    assert machine.seconds_until(lambda: machine.handlers == RUNC) > 2
    machine.behave(handlers_gone_after=None)
    assert machine.handlers == RUNC


def test_kubelet_without_handlers(machine: Machine) -> None:
    machine.behave(no_handlers="true")
    assert machine.handlers is None
    machine.done(INSTALL)
    time.sleep(1)
    assert machine.handlers is None
    machine.behave(no_handlers=None)
    until(lambda: machine.handlers == KATA)


def test_node_is_not_ready_after_its_job_and_keeps_a_startup_taint(machine: Machine) -> None:
    taint = {"key": "kata", "value": "starting", "effect": "NoSchedule"}
    machine.merge(spec={"taints": [taint]})
    machine.behave(not_ready_seconds="3")
    machine.done(INSTALL)
    assert machine.ready == "False"
    assert machine.handlers == RUNC
    assert machine.seconds_until(lambda: machine.ready == "True") > 3
    until(lambda: machine.handlers == KATA)
    assert taint in machine.get()["spec"]["taints"]


def test_old_labels_are_registered_again_once(machine: Machine) -> None:
    machine.behave(labels_again_after="2", distribution="k3s")
    again = {SHARED: "false", OWN: "false"}
    machine.merge(metadata={"labels": again})
    machine.done(INSTALL)
    machine.merge(metadata={"labels": {SHARED: "true", OWN: "true"}})
    assert machine.seconds_until(lambda: machine.labels == again) > 2
    machine.merge(metadata={"labels": {SHARED: "true", OWN: "true"}})
    time.sleep(1)
    assert machine.labels == {SHARED: "true", OWN: "true"}
    assert machine.get()["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.3+k3s1"
    machine.behave(labels_again_after=None, distribution=None)
    assert machine.get()["status"]["nodeInfo"]["kubeletVersion"] == "v1.36.3"


def test_machine_id_and_runtime_version_are_not_reported(machine: Machine) -> None:
    def reported() -> tuple[str, str]:
        info = machine.get()["status"]["nodeInfo"]
        return info["machineID"], info["containerRuntimeVersion"]

    before = reported()
    began = time.monotonic()
    machine.behave(unreported="2")
    assert reported() == ("", "")
    until(lambda: reported() == before)
    assert time.monotonic() - began > 2
    machine.behave(unreported="true")
    time.sleep(1)
    assert reported() == ("", "")
    machine.behave(unreported=None)
    assert reported() == before


def test_kata_of_other_means(cluster: Cluster, machine: Machine) -> None:
    cluster.add_kata([machine.name])
    assert (machine.handlers, machine.labels) == (RUNC | {"kata-qemu"}, {SHARED: "true"})
    machine.done(CLEANUP_4_0)
    assert (machine.handlers, machine.labels) == (RUNC, {})
