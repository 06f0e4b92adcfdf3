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


def test_from_the_first_preview_to_the_last_destroy(
    stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    stack.configure(job={"parallelism": 10, "backoffLimit": 0}, rollout={"waves": [2, "100%"]})
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

    has_nothing_to_do(stack)
    replacing_touches_no_node(stack, kube)
    added = cluster.add_nodes(2)
    only_new_and_failed_nodes_are_worked_on(stack, kube, *added)
    assert marked(kube) == workers | set(added)

    cluster.remove_nodes(added)
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def has_nothing_to_do(stack: Stack) -> None:
    audit = Audit(stack.cluster.audit_log)
    unchanged = stack.up()
    assert unchanged.ok, unchanged.text
    assert audit.writes() == []
    assert "unchanged" in unchanged.text
    assert "updated" not in unchanged.text


def replacing_touches_no_node(stack: Stack, kube: Kube) -> None:
    urns = [r["urn"] for r in json.loads(stack.state())["deployment"]["resources"]]
    [rollout] = [urn for urn in urns if "kata:Rollout::" in urn]
    [installation] = [urn for urn in urns if "kata:Installation::" in urn]
    audit = Audit(stack.cluster.audit_log)
    for urn in (rollout, installation):
        replaced = stack.up("--target-replace", urn, "--target-dependents")
        assert replaced.ok, replaced.text
        assert len(marked(kube)) == WORKERS
    assert audit.job_nodes() == []


def only_new_and_failed_nodes_are_worked_on(
    stack: Stack, kube: Kube, broken: str, good: str
) -> None:
    stack.cluster.behave(broken, fail="host-check")
    newcomers = stack.preview()
    assert f"plan: 2 of {SELECTED + 2} selected nodes" in newcomers.text
    assert f"install 2 new nodes: {', '.join(sorted([broken, good]))}" in newcomers.text
    audit = Audit(stack.cluster.audit_log)
    up = stack.up()
    assert up.code != 0
    assert sorted(audit.job_nodes()) == sorted([broken, good])
    assert "1 node could not be installed" in up.text
    assert f"{broken}: stage host-check ended with exit code 1" in up.text
    assert "Traceback" not in up.text
    report = json.loads((stack.reports / "rollout.json").read_text())
    assert (report["failed"], report["failedNodes"]) == (1, [broken])
    [kept] = jobs(kube)
    assert kept["metadata"]["name"].endswith(broken)

    preview = stack.preview()
    assert preview.ok, preview.text
    assert f"retry {broken}: failed before" in preview.text
    stack.cluster.behave(broken, fail=None)
    audit = Audit(stack.cluster.audit_log)
    retried = stack.up()
    assert retried.ok, retried.text
    assert audit.job_nodes() == [broken]


def test_a_failed_canary_stops_the_first_rollout_and_destroy_cleans_up(
    stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    before = everything(kube)
    # Canaries of later versions take 15 seconds more: see `test_token_free`.
    stack.configure(kataVersion="4.0.0", shims=None, defaultShim=None)
    stack.configure(job={"backoffLimit": 0}, rollout={"waves": ["canary", "100%"]})
    canary = cluster.workers()[0]
    cluster.behave(canary, fail="artifacts")
    up = stack.up()
    cluster.behave(canary, fail=None)
    assert up.code != 0
    assert f"canary {canary} failed" in up.text
    assert f"{canary}: stage artifacts ended with exit code 1" in up.text
    assert 0 < len(marked(kube)) < len(audit.job_nodes()) < WORKERS / 2
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before
