"""Nodes whose architecture the configuration does not suit are refused in both modes."""

import json
from typing import Any

import pytest

from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running

PROBLEMS = {"amd64": "", "arm64": "no shim is enabled for arm64; set `shims.qemu.enabled: true`"}
DAEMONSET: dict[str, Any] = {
    "deploymentMode": "daemonset",
    "podTemplate": "a",
    "architectures": PROBLEMS,
    "selectors": [],
}


@pytest.fixture
def cluster(cluster: Cluster) -> Cluster:
    """The cluster, with one node unlike the others."""
    cluster.nodes["node-3"]["status"]["nodeInfo"]["architecture"] = "arm64"
    cluster.nodes["node-3"]["metadata"]["labels"]["pool"] = "arm"
    return cluster


def refusals(running: Running, olds: dict[str, Any] | None = None, **changes: Any) -> list[str]:
    return running.preflight.check(inputs.preflight(**DAEMONSET | changes), olds).failures


def test_rollout_is_refused_for_a_node_that_it_would_work_on(
    running: Running, api: ApiServer
) -> None:
    [failure] = running.rollout.check(inputs.rollout(architectures=PROBLEMS)).failures
    assert failure.startswith(
        "1 node is arm64 (node-3): no shim is enabled for arm64; set `shims.qemu.enabled: true`. "
    )
    assert api.writes == []


def test_rollout_to_other_nodes_is_not(running: Running) -> None:
    assert (
        running.rollout.check(inputs.rollout(architectures=PROBLEMS, selectors=["!pool"])).failures
        == []
    )


def test_daemon_set_is_refused_for_a_node_that_its_pods_go_to(
    running: Running, api: ApiServer
) -> None:
    [failure] = refusals(running)
    assert failure.startswith("1 node is arm64 (node-3): no shim is enabled for arm64")
    assert api.writes == []


def test_daemon_set_whose_pods_go_elsewhere_is_not(running: Running, cluster: Cluster) -> None:
    assert refusals(running, selectors=["!pool"]) == []
    cluster.nodes["node-3"]["spec"]["taints"] = [{"key": "arm", "effect": "NoSchedule"}]
    assert refusals(running) == []
    assert refusals(running, tolerations=json.dumps([{"operator": "Exists"}])) != []


def test_daemon_set_that_does_not_change_is_not(running: Running) -> None:
    before = running.preflight.check(
        inputs.preflight(deploymentMode="daemonset", podTemplate="a")
    ).inputs
    assert refusals(running, before) == []
    assert refusals(running, before, podTemplate="b") != []
