"""Daemonset mode: a pod stays on every node; changes that restart it are announced."""

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.conftest import WORKERS
from tests.e2e.observe import everything
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

LABEL = "katacontainers.io/kata-runtime"


def labelled(kube: Kube) -> set[str]:
    return {n["metadata"]["name"] for n in kube.get("/api/v1/nodes", labelSelector=LABEL)["items"]}


def test_install_change_and_destroy(stack: Stack, cluster: Cluster, kube: Kube) -> None:
    before = everything(kube)
    stack.configure(deploymentMode="daemonset", job=None, rollout=None)
    up = stack.up()
    assert up.ok, up.text
    assert labelled(kube) >= set(cluster.workers())
    assert stack.outputs()["mode"] == "daemonset"

    stack.configure(image={"tag": "4.0.0-other"})
    preview = stack.preview()
    assert preview.ok, preview.text
    nodes = len(labelled(kube))
    assert f"restarts the pods of DaemonSet kata-deploy on {nodes} nodes" in preview.text
    assert nodes >= WORKERS
    stack.configure(image=None)

    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert labelled(kube) == set()
    assert everything(kube) == before
