"""An approved plan with the real CLI: what was reviewed happens, and nothing else."""

import json
import shutil

import pytest

from sandbox.kube import Kube
from tests.e2e.observe import Audit, marked
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

NODES = [f"worker-{number:04}" for number in range(1, 6)]


def test_up_does_what_was_approved_and_no_preview_of_it_approves_more(
    stack: Stack, kube: Kube, audit: Audit
) -> None:
    stack.configure(job={"parallelism": 10, "nodes": NODES[:4]}, rollout={"waves": [2, "100%"]})
    preview = stack.preview()
    assert preview.ok, preview.text
    approved = stack.reports.parent / "approved.json"
    shutil.copy(stack.reports / "plan.json", approved)
    document = json.loads(approved.read_text())
    assert (document["schema"], document["pace"]["rollout.waves"]) == (2, [2, "100%"])
    stack.configure(rollout={"approvedPlan": str(approved)})

    stack.configure(rollout={"waves": []})
    faster = stack.run("up", "--yes")
    assert not faster.ok
    assert 'rollout.waves [2, "100%"] → []' in faster.text
    stack.configure(
        rollout={"waves": [2, "100%"], "approvedPlan": str(stack.reports / "plan.json")}
    )
    itself = stack.run("up", "--yes")
    assert not itself.ok
    assert "is the file that each preview writes" in itself.text
    assert audit.writes() == []

    # One more node, and a preview in the same run that writes a plan of its own.
    stack.configure(
        job={"parallelism": 10, "nodes": NODES}, rollout={"approvedPlan": str(approved)}
    )
    up = stack.run("up", "--yes")
    assert up.ok, up.text
    assert marked(kube) == set(NODES[:4])
    assert sorted(audit.job_nodes()) == NODES[:4]
    assert "waiting for approval" in up.text
    assert json.loads(approved.read_text()) == document
    rollout = stack.outputs()["rollout"]
    assert (rollout["installed"], rollout["skipped"], rollout["failed"]) == (4, 1, 0)
