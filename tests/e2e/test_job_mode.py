"""Job mode from the first preview to the last destroy."""

import json

import pytest

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from sandbox.nodes import CONTROL_PLANES
from tests.e2e.conftest import WORKERS
from tests.e2e.observe import Audit, everything, jobs, marked
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

SELECTED = WORKERS + CONTROL_PLANES
"""Without the user's own conditions; the taint of the control plane is not tolerated."""


def test_install_new_nodes_and_a_run_without_work(
    stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    stack.configure(shims=None, defaultShim=None)
    before = everything(kube)
    preview = stack.preview()
    assert preview.ok, preview.text
    assert f"plan: {WORKERS} of {SELECTED} selected nodes" in preview.text
    plan = json.loads((stack.reports / "plan.json").read_text())
    assert len(plan["nodes"]) == SELECTED
    assert audit.writes() == []

    up = stack.up()
    assert up.ok, up.text
    workers = set(cluster.workers())
    assert marked(kube) == workers
    assert sorted(audit.job_nodes()) == sorted(workers)
    assert jobs(kube) == []
    rollout = stack.outputs()["rollout"]
    assert (rollout["installed"], rollout["failed"], rollout["remaining"]) == (WORKERS, 0, 0)
    assert up.text.index("plan: ") < up.text.index("installed,")

    again = Audit(cluster.audit_log)
    unchanged = stack.up()
    assert unchanged.ok, unchanged.text
    assert again.writes() == []
    assert "unchanged" in unchanged.text
    assert "updated" not in unchanged.text

    added = cluster.add_nodes(2)
    newcomers = stack.preview()
    assert f"plan: 2 of {SELECTED + 2} selected nodes" in newcomers.text
    assert all(f"install {node}: new node" in newcomers.text for node in added)
    assert newcomers.text.count("install worker-") == 2
    only = Audit(cluster.audit_log)
    assert stack.up().ok
    assert sorted(only.job_nodes()) == sorted(added)
    assert marked(kube) == workers | set(added)

    cluster.remove_nodes(added)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def test_a_failed_node_is_named_with_its_reason_and_is_the_only_one_retried(
    stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    broken = "worker-0007"
    cluster.behave(broken, fail="host-check")
    stack.configure(job={"backoffLimit": 0})
    up = stack.up()
    assert up.code != 0
    assert "1 node could not be installed" in up.text
    assert f"{broken}: stage host-check ended with exit code 1" in up.text
    assert "Traceback" not in up.text
    assert len(marked(kube)) == WORKERS - 1
    report = json.loads((stack.reports / "rollout.json").read_text())
    assert (report["failed"], report["failedNodes"]) == (1, [broken])
    [kept] = jobs(kube)
    assert kept["metadata"]["name"].endswith(broken)

    preview = stack.preview()
    assert preview.ok, preview.text
    assert f"retry {broken}: failed before" in preview.text
    cluster.behave(broken, fail=None)
    audit = Audit(cluster.audit_log)
    retried = stack.up()
    assert retried.ok, retried.text
    assert audit.job_nodes() == [broken]
    assert len(marked(kube)) == WORKERS


def test_a_failed_canary_stops_the_rollout(stack: Stack, cluster: Cluster, kube: Kube) -> None:
    stack.configure(rollout={"waves": ["canary", "100%"]})
    preview = stack.preview()
    canary = preview.text.split("install ")[1].split(":")[0]
    cluster.behave(canary, fail="cri")
    stack.configure(job={"backoffLimit": 0})
    up = stack.up()
    assert up.code != 0
    assert f"canary {canary} failed" in up.text
    assert len(marked(kube)) < WORKERS / 2


def test_destroy_cleans_after_a_first_up_that_failed(
    stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    before = everything(kube)
    for node in cluster.workers():
        cluster.behave(node, fail="artifacts")
    stack.configure(job={"backoffLimit": 0})
    assert stack.up().code != 0
    for node in cluster.workers():
        cluster.behave(node, fail=None)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def test_replacing_the_rollout_touches_no_node(stack: Stack, cluster: Cluster, kube: Kube) -> None:
    assert stack.up().ok
    urns = [r["urn"] for r in json.loads(stack.state())["deployment"]["resources"]]
    [rollout] = [urn for urn in urns if "kata:Rollout::" in urn]
    [installation] = [urn for urn in urns if "kata:Installation::" in urn]
    for urn in (rollout, installation):
        audit = Audit(cluster.audit_log)
        replaced = stack.up("--target-replace", urn, "--target-dependents")
        assert replaced.ok, replaced.text
        assert audit.job_nodes() == []
        assert len(marked(kube)) == WORKERS
    assert stack.up().ok
    assert len(marked(kube)) == WORKERS
