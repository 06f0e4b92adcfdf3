"""`rollout.approvedPlan` with a real provider process: what it confirms, and what it does not."""

import json
import shutil
from pathlib import Path

import pytest

from kata_components.planning.plan_document import Place, guards_only
from kata_components.report.plan_record import rendered
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running

PLACE = Place(inputs.STACK, "cluster-1")


def approve(reports: Path) -> str:
    """Copy the plan that a preview has written, as someone does who agrees with it."""
    return str(shutil.copy(reports / "plan.json", reports / "approved.json"))


def test_a_guard_rail_is_passed_by_the_plan_its_refusal_wrote(
    running: Running, tmp_path: Path, api: ApiServer
) -> None:
    checked = running.installation.check(inputs.installation())
    _, outputs = running.installation.create(checked.inputs)
    before = len(api.writes)
    lower = inputs.installation(kataVersion="3.9.0", reportDir=str(tmp_path))
    (refusal,) = running.installation.check(lower, outputs).failures
    assert refusal.endswith(
        f"review {tmp_path}/plan.html, copy {tmp_path}/plan.json, and set rollout.approvedPlan to "
        "the copy."
    )
    assert "<li>kataVersion 4.0.0 → 3.9.0</li>" in (tmp_path / "plan.html").read_text()
    approved = approve(tmp_path)
    assert running.installation.check(lower | {"approvedPlan": approved}, outputs).failures == []
    other = inputs.installation(kataVersion="3.8.0", approvedPlan=approved)
    (refusal,) = running.installation.check(other, outputs).failures
    assert "kataVersion 4.0.0 → 3.8.0" in refusal
    assert len(api.writes) == before


def test_without_a_report_directory_the_refusal_asks_for_one(running: Running) -> None:
    _, outputs = running.installation.create(
        running.installation.check(inputs.installation()).inputs
    )
    (refusal,) = running.installation.check(
        inputs.installation(kataVersion="3.9.0"), outputs
    ).failures
    assert "To proceed anyway: set rollout.reportDir and preview again" in refusal


def test_approving_alone_is_no_change_of_the_installation(running: Running, tmp_path: Path) -> None:
    _, outputs = running.installation.create(
        running.installation.check(inputs.installation()).inputs
    )
    (tmp_path / "plan.json").write_text(rendered(guards_only([], PLACE)))
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
    helm = {"meta.helm.sh/release-name": "kata"}
    cluster.objects["runtimeclasses/kata-qemu"] = {
        "metadata": {"name": "kata-qemu", "annotations": helm}
    }
    (refusal,) = running.preflight.check(moved, before).failures
    assert "belongs to the Helm release" in refusal


@pytest.mark.usefixtures("installed")
def test_only_approved_nodes_are_touched(
    running: Running, tmp_path: Path, api: ApiServer, cluster: Cluster
) -> None:
    running.rollout.check(inputs.rollout(reportDir=str(tmp_path)))
    bound = inputs.rollout(approvedPlan=approve(tmp_path), reportDir=str(tmp_path))
    api.do(lambda: cluster.add_nodes("node-new"))
    checked = running.rollout.check(bound)
    assert checked.failures == []
    _, outputs = running.rollout.create(checked.inputs)
    assert "node-new" not in cluster.starts
    assert (outputs["outcome"]["installed"], outputs["outcome"]["skipped"]) == (5, 1)
    plan = json.loads((tmp_path / "plan.json").read_text())
    assert plan["approved"] == f"{tmp_path}/approved.json"
    (newcomer,) = [node for node in plan["nodes"] if node["node"] == "node-new"]
    assert (newcomer["action"], newcomer["reason"]) == ("skipped", "waiting for approval")


@pytest.mark.usefixtures("installed")
def test_another_pace_than_the_approved_is_refused_key_by_key(
    running: Running, tmp_path: Path, api: ApiServer
) -> None:
    running.rollout.check(inputs.rollout(reportDir=str(tmp_path), soakSeconds=3600))
    before = len(api.writes)
    changed = {
        "parallelism": 9,
        "waves": [],
        "soakSeconds": 0,
        "nodeTimeoutSeconds": 601,
        "maxFailures": "50%",
    }
    (refusal,) = running.rollout.check(
        inputs.rollout(approvedPlan=approve(tmp_path), **changed)
    ).failures
    assert refusal.splitlines()[1:] == [
        "  job.parallelism 3 → 9",
        "  rollout.maxFailures 3 → 50%",
        "  rollout.nodeTimeoutSeconds 600 → 601",
        "  rollout.soakSeconds 3600 → 0",
        '  rollout.waves ["canary", "100%"] → []',
    ]
    assert len(api.writes) == before


@pytest.mark.usefixtures("installed")
def test_what_is_approved_for_one_stack_or_cluster_covers_no_other(
    running: Running, tmp_path: Path, cluster: Cluster, api: ApiServer
) -> None:
    (tmp_path / "plan.json").write_text(rendered(guards_only(["empty selection"], PLACE)))
    approved = {"approvedPlan": approve(tmp_path)}
    before = len(api.writes)
    other = [
        running.rollout.check(inputs.rollout(**approved, stack="kata-deploy/production")).failures
    ]
    cluster.objects["namespaces/kube-system"]["metadata"]["uid"] = "cluster-2"
    other += [
        running.rollout.check(inputs.rollout(**approved)).failures,
        running.installation.check(inputs.installation(**approved)).failures,
        running.preflight.check(inputs.preflight(**approved)).failures,
    ]
    assert [refusal.splitlines()[1:] for (refusal,) in other] == [
        ["  stack kata-deploy/test → kata-deploy/production"],
        *[["  cluster (UID of kube-system) cluster-1 → cluster-2"]] * 3,
    ]
    assert len(api.writes) == before


@pytest.mark.parametrize(
    "name", ["reports/plan.json", "reports/../reports/plan.json", "link.json", "linked/plan.json"]
)
def test_a_plan_never_approves_itself_by_whatever_name_it_is_called(
    running: Running, tmp_path: Path, name: str
) -> None:
    reports = tmp_path / "reports"
    running.rollout.check(inputs.rollout(reportDir=str(reports)))
    written = (reports / "plan.json").read_bytes()
    (tmp_path / "link.json").symlink_to(reports / "plan.json")
    (tmp_path / "linked").symlink_to(reports)
    own = {"approvedPlan": str(tmp_path / name), "reportDir": str(reports)}
    checked = [
        running.preflight.check(inputs.preflight(**own)),
        running.installation.check(inputs.installation(**own)),
        running.rollout.check(inputs.rollout(**own, parallelism=1)),
    ]
    for (refusal,) in (one.failures for one in checked):
        assert refusal.endswith("would approve whatever it contains. Approve a copy of it.")
    assert (reports / "plan.json").read_bytes() == written


def test_a_plan_of_another_version_asks_for_a_new_preview(running: Running, tmp_path: Path) -> None:
    (tmp_path / "plan.json").write_text(
        json.dumps({"schema": 1, "digest": "a" * 12, "guards": [], "nodes": []})
    )
    (refusal,) = running.rollout.check(inputs.rollout(approvedPlan=approve(tmp_path))).failures
    assert "run `pulumi preview` again" in refusal


def test_a_plan_that_cannot_be_read_is_one_clear_message(running: Running, tmp_path: Path) -> None:
    absent = str(tmp_path / "none.json")
    for failures in (
        running.rollout.check(inputs.rollout(approvedPlan=absent)).failures,
        running.installation.check(inputs.installation(approvedPlan=absent)).failures,
    ):
        (refusal,) = failures
        assert refusal.startswith(f"rollout.approvedPlan: cannot read {absent} (")
