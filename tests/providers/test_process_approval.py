"""`rollout.approvedPlan` through the real provider process: what it lets pass, and what it leaves alone."""

import json
import shutil
from pathlib import Path

import pytest

from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.runner.cluster import Cluster


def approve(reports: Path) -> str:
    """Copy the plan a preview has written, as a person does who agrees with it."""
    return str(shutil.copy(reports / "plan.json", reports / "approved.json"))


def test_a_guard_rail_is_passed_by_the_plan_its_refusal_wrote(running: Running, tmp_path: Path, api: ApiServer) -> None:
    checked = running.installation.check(inputs.installation())
    _, outputs = running.installation.create(checked.inputs)
    before = len(api.writes)
    lower = inputs.installation(kataVersion="3.9.0", reportDir=str(tmp_path))
    (refusal,) = running.installation.check(lower, outputs).failures
    assert refusal.endswith(f"review {tmp_path}/plan.json, copy it, and set rollout.approvedPlan to the copy.")
    approved = approve(tmp_path)
    assert running.installation.check(lower | {"approvedPlan": approved}, outputs).failures == []
    other = inputs.installation(kataVersion="3.8.0", approvedPlan=approved)
    (refusal,) = running.installation.check(other, outputs).failures
    assert "kataVersion 4.0.0 → 3.8.0" in refusal
    assert len(api.writes) == before


def test_without_a_report_directory_the_refusal_asks_for_one(running: Running) -> None:
    _, outputs = running.installation.create(running.installation.check(inputs.installation()).inputs)
    (refusal,) = running.installation.check(inputs.installation(kataVersion="3.9.0"), outputs).failures
    assert "To go on nevertheless: set rollout.reportDir and preview again" in refusal


def test_approving_alone_is_no_change_of_the_installation(running: Running, tmp_path: Path) -> None:
    _, outputs = running.installation.create(running.installation.check(inputs.installation()).inputs)
    (tmp_path / "plan.json").write_text(json.dumps({"schema": 1, "guards": []}))
    with_approval = inputs.installation(approvedPlan=approve(tmp_path), reportDir=str(tmp_path))
    checked = running.installation.check(with_approval, outputs)
    assert not running.installation.differs(checked.inputs, outputs)


def test_an_approved_move_to_another_cluster_does_not_cover_a_helm_release_there(
    running: Running, tmp_path: Path, cluster: Cluster
) -> None:
    before = running.preflight.check(inputs.preflight()).inputs
    cluster.objects["namespaces/kube-system"]["metadata"]["uid"] = "cluster-2"
    running.preflight.check(inputs.preflight(reportDir=str(tmp_path)), before)
    moved = inputs.preflight(approvedPlan=approve(tmp_path))
    assert running.preflight.check(moved, before).failures == []
    helm = {"app.kubernetes.io/managed-by": "Helm"}
    cluster.objects["runtimeclasses/kata-qemu"] = {"metadata": {"name": "kata-qemu", "labels": helm}}
    (refusal,) = running.preflight.check(moved, before).failures
    assert "belongs to the Helm release" in refusal


@pytest.mark.usefixtures("installed")
def test_only_approved_nodes_are_touched(running: Running, tmp_path: Path, api: ApiServer, cluster: Cluster) -> None:
    running.rollout.check(inputs.rollout(reportDir=str(tmp_path)))
    bound = inputs.rollout(approvedPlan=approve(tmp_path), reportDir=str(tmp_path))
    api.do(lambda: cluster.add_nodes("node-new"))
    checked = running.rollout.check(bound)
    assert checked.failures == []
    _, outputs = running.rollout.create(checked.inputs)
    assert "node-new" not in cluster.starts
    assert (outputs["outcome"]["installed"], outputs["outcome"]["skipped"]) == (5, 1)
    plan = json.loads((tmp_path / "plan.json").read_text())
    (newcomer,) = [node for node in plan["nodes"] if node["node"] == "node-new"]
    assert (newcomer["action"], newcomer["reason"]) == ("skipped", "waits for approval")


@pytest.mark.usefixtures("installed")
def test_a_wider_configuration_than_the_approved_is_refused(running: Running, tmp_path: Path, api: ApiServer) -> None:
    running.rollout.check(inputs.rollout(reportDir=str(tmp_path)))
    before = len(api.writes)
    (refusal,) = running.rollout.check(inputs.rollout(approvedPlan=approve(tmp_path), parallelism=9)).failures
    assert "3 nodes at a time were approved, job.parallelism is 9" in refusal
    assert len(api.writes) == before


def test_a_plan_that_cannot_be_read_is_one_clear_message(running: Running, tmp_path: Path) -> None:
    absent = str(tmp_path / "none.json")
    for failures in (
        running.rollout.check(inputs.rollout(approvedPlan=absent)).failures,
        running.installation.check(inputs.installation(approvedPlan=absent)).failures,
    ):
        (refusal,) = failures
        assert refusal.startswith(f"rollout.approvedPlan: {absent} cannot be read")
