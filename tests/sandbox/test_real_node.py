"""Real nodes: their life, beside simulated ones, and that nothing of the machine changes for it."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.kube import Kube, Manifest
from sandbox.real_node.obstacle import obstacle
from tests.sandbox.waiting import until

pytestmark = [pytest.mark.real_node, pytest.mark.skipif(bool(obstacle()), reason=obstacle())]

BOOTS = int(os.environ.get("KATA_REAL_NODE_BOOTS", "2"))

_MINE = "kata-node"
"""What the names of a node's cgroups and link begin with; other tests may run nodes, too."""

_FIREWALLS = [("nft", "--stateless", "list", "ruleset"), ("iptables", "--list-rules")]


@pytest.fixture
def cluster(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster of this package, whose real nodes are removed after each test."""
    yield cluster
    cluster.remove_nodes([name for name in _names(cluster) if name.startswith("real-")])


def _names(cluster: Cluster) -> list[str]:
    with cluster.connect() as kube:
        return [node["metadata"]["name"] for node in kube.get("/api/v1/nodes")["items"]]


def _node(kube: Kube, name: str) -> Manifest:
    return kube.get(f"/api/v1/nodes/{name}")


def _readiness(node: Manifest) -> str | None:
    conditions = {entry["type"]: entry["status"] for entry in node["status"]["conditions"]}
    return conditions.get("Ready")


def _machine() -> dict[str, object]:
    """Return what of this machine must not change while a node lives."""
    return {
        "firewall": [_printed(*words) for words in _FIREWALLS if shutil.which(words[0])],
        "sysctls": dict(_sysctls()),
        "mounts": _lines("/proc/self/mounts"),
        "modules": set(Path("/sys/module").iterdir()),
        "routes": {line for line in _lines("/proc/net/route") if not line.startswith(_MINE)},
        "links": {name for _, name in socket.if_nameindex() if not name.startswith(_MINE)},
        "hostname": socket.gethostname(),
    }


def _printed(*command: str) -> str:
    return subprocess.check_output(command, text=True)


def _lines(file: str) -> list[str]:
    return Path(file).read_text("utf-8").splitlines()


def _sysctls() -> Iterator[tuple[str, str]]:
    """Return the settings that can be written; the others are measurements."""
    for folder, folders, files in os.walk("/proc/sys"):
        folders[:] = [name for name in folders if not name.startswith(_MINE)]
        for file in (Path(folder) / name for name in files):
            if file.name != "ns_last_pid" and file.stat().st_mode & 0o600 == 0o600:
                try:
                    yield str(file), file.read_text("utf-8")
                except OSError:
                    continue  # some have no value until they are set


def _traces(cluster: Cluster, name: str) -> Callable[[], list[str]]:
    """Return what lists the cgroups and the link of a running node, also when it is gone."""
    cgroup = json.loads((cluster.control_plane.real_nodes / name / "machine.json").read_bytes())
    with cluster.connect() as kube:
        address = _node(kube, name)["status"]["addresses"][0]["address"]
    link = _printed("ip", "route", "get", address).split()[2]

    def found() -> list[str]:
        links = [name for _, name in socket.if_nameindex() if name == link]
        return [*map(str, Path("/sys/fs/cgroup").rglob(f"{cgroup['cgroup']}*")), *links]

    return found


def _processes(folder: Path) -> list[int]:
    """Return all processes of the nodes whose folders are in that folder."""
    found = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            try:
                words = (process / "cmdline").read_bytes() + (process / "mountinfo").read_bytes()
            except OSError:
                continue
            if os.fsencode(folder) in words:
                found.append(int(process.name))
    return found


def test_a_real_node_lives_and_nothing_of_the_machine_changes(cluster: Cluster, kube: Kube) -> None:
    before = _machine()
    simulated = _names(cluster)
    assert cluster.add_real_nodes(1) == ["real-1"]
    node = cluster.real_node("real-1")
    assert {*_names(cluster)} == {*simulated, "real-1"}
    first = _node(kube, "real-1")["status"]
    assert first["nodeInfo"]["osImage"].startswith("Debian")
    assert [handler["name"] for handler in first["runtimeHandlers"]] == ["", "runc"]
    assert (node.root / "etc/hostname").read_text("utf-8") == "real-1\n"
    traces = _traces(cluster, "real-1")
    assert traces()
    assert _machine() == before

    node.run("touch", "/kept")
    node.reboot()
    rebooted = _node(kube, "real-1")["status"]["nodeInfo"]
    assert rebooted["bootID"] != first["nodeInfo"]["bootID"]
    assert rebooted["machineID"] == first["nodeInfo"]["machineID"]
    node.stop()
    cluster.start()
    assert (node.root / "kept").exists()

    uid = _node(kube, "real-1")["metadata"]["uid"]
    node.reimage()
    assert _node(kube, "real-1")["metadata"]["uid"] == uid
    assert _node(kube, "real-1")["status"]["nodeInfo"]["machineID"] != rebooted["machineID"]
    assert not (node.root / "kept").exists()

    cluster.remove_nodes(["real-1"])
    assert _names(cluster) == simulated
    assert _machine() == before
    until(lambda: traces() == [])


def test_a_real_node_behaves_as_it_shall(cluster: Cluster, kube: Kube) -> None:
    cluster.add_real_nodes(1)
    file = cluster.real_node("real-1").root / "etc/containerd/sandbox/fail"
    cluster.behave("real-1", fail="cri", not_ready="true")
    assert file.read_text("utf-8") == "cri"
    assert _readiness(_node(kube, "real-1")) == "Unknown"
    cluster.behave("real-1", fail=None, not_ready=None)
    assert not file.exists()
    assert _readiness(_node(kube, "real-1")) == "True"
    with pytest.raises(SandboxError, match="no such switch: distribution"):
        cluster.behave("real-1", distribution="k3s")


def test_real_nodes_come_and_go_in_a_row(cluster: Cluster) -> None:
    before = _machine()
    for _ in range(BOOTS):
        _comes_and_goes(cluster)
    assert _machine() == before


def _comes_and_goes(cluster: Cluster) -> None:
    cluster.add_real_nodes(1)
    traces = _traces(cluster, "real-1")
    assert traces()
    cluster.remove_nodes(["real-1"])
    until(lambda: traces() == [])


def test_nothing_is_left_when_everything_was_killed(cluster: Cluster) -> None:
    before = _machine()
    cluster.add_real_nodes(2)
    traces = [_traces(cluster, name) for name in ("real-1", "real-2")]
    folder = cluster.control_plane.real_nodes
    for process in _processes(folder / "real-1"):
        os.kill(process, signal.SIGKILL)
    cluster.start()
    assert cluster.real_node("real-1").run("hostname") == "real-1\n"
    for process in _processes(folder):
        os.kill(process, signal.SIGKILL)
    cluster.remove_nodes(["real-1", "real-2"])
    assert list(folder.glob("real-*")) == []
    assert _machine() == before
    until(lambda: [found() for found in traces] == [[], []])
