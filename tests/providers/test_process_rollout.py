"""`Rollout` in a real provider process, against an API server."""

import json
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from pulumi.runtime import rpc
from pulumi.runtime.proto import engine_pb2

from kata_components import names
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import ROLLOUT_URN


def up(running: Running, **changes: Any) -> dict[str, Any]:
    """Check and create, as a first `up` does; return the outputs."""
    checked = running.rollout.check(inputs.rollout(**changes))
    assert checked.failures == []
    return running.rollout.create(checked.inputs)[1]


def test_check_adds_the_plan_and_shows_it_on_the_resource(running: Running, api: ApiServer) -> None:
    checked = running.rollout.check(inputs.rollout())
    assert checked.failures == []
    plan = yaml.safe_load(checked.inputs["plan"])
    assert (plan["selected"], plan["pending"], plan["install"]) == (5, 5, 5)
    assert "node-0" not in checked.inputs["plan"]
    lines = running.engine.lines(ROLLOUT_URN)
    assert lines[0].startswith(
        "plan: 5 of 5 selected nodes in waves of 1, 4, at most 3 at a time (5 install)"
    )
    assert lines[1] == "  wave 1, canary: install node-0 (amd64, unknown)"
    assert lines[2] == "  wave 2: install 4 new nodes: node-1 … node-4"
    assert len(lines) == 4
    assert lines[3] == "  privileged in each Job: host-check, artifacts, cri"
    assert api.writes == []


def test_the_report_directory_has_the_plan_for_people_and_for_programs(
    running: Running, tmp_path: Path
) -> None:
    assert running.rollout.check(inputs.rollout(reportDir=str(tmp_path))).failures == []
    document = json.loads((tmp_path / "plan.json").read_text())
    assert (document["kataVersion"], document["namespace"]) == ("4.0.0", "kube-system")
    assert [each["name"] for each in document["containers"] if each.get("privileged")] == [
        "host-check",
        "artifacts",
        "cri",
    ]
    html = (tmp_path / "plan.html").read_text()
    assert "<h1>pulumi up touches 5 of 5 nodes: 5 install</h1>" in html
    assert f"cp {tmp_path}/plan.json approved.json" in html
    lines = running.engine.lines(ROLLOUT_URN)
    assert f"  each node with its reason: {tmp_path}/plan.html" in lines


@pytest.mark.usefixtures("installed")
def test_what_the_first_job_would_meet_is_refused_while_something_is_pending(
    running: Running, cluster: Cluster, api: ApiServer
) -> None:
    outputs = up(running)
    labels = {"pod-security.kubernetes.io/enforce": "restricted"}
    api.do(lambda: cluster.objects["namespaces/kube-system"]["metadata"].update(labels=labels))
    assert running.rollout.check(inputs.rollout(), outputs).failures == []
    api.do(lambda: cluster.add_nodes("node-new"))
    [failure] = running.rollout.check(inputs.rollout(), outputs).failures
    assert failure.startswith(
        "namespace kube-system enforces the Pod Security Standard restricted: "
    )


@pytest.mark.usefixtures("installed")
def test_nodes_must_be_watched_where_their_jobs_do_not_label_them(
    running: Running, api: ApiServer
) -> None:
    api.denied |= {"watch nodes"}
    template = inputs.dispatched("4.1.0")["installJob"]
    [failure] = running.rollout.check(inputs.rollout(installJob=template)).failures
    assert failure.startswith("this identity is not allowed to watch nodes. ")
    for others in (inputs.rollout(), inputs.dispatched("4.1.0")):
        assert running.rollout.check(others).failures == []


def test_a_selection_without_nodes_is_warned_of(running: Running) -> None:
    checked = running.rollout.check(inputs.rollout(selectors=["pool=none"]))
    assert checked.failures == []
    [warning] = [
        said.text for said in running.engine.messages if said.severity == engine_pb2.WARNING
    ]
    assert warning.startswith(
        "no node of the cluster matches the node selector 'pool=none': label the nodes"
    )


@pytest.mark.usefixtures("installed")
def test_create_installs_and_returns_the_outcome(running: Running, cluster: Cluster) -> None:
    outputs = up(running)
    outcome = outputs["outcome"]
    assert (outcome["selected"], outcome["installed"], outcome["failed"], outputs["failure"]) == (
        5,
        5,
        0,
        "",
    )
    assert cluster.marked() == sorted(cluster.nodes)
    assert cluster.most_active <= 3
    assert (cluster.violations, cluster.jobs) == ([], {})
    running.engine.until(
        lambda said: (
            said.status
            and said.urn == ROLLOUT_URN
            and said.text.startswith("5/5 installed, 0 running")
        )
    )


@pytest.mark.usefixtures("installed")
def test_second_up_finds_nothing_to_do_and_writes_nothing(running: Running, api: ApiServer) -> None:
    outputs = up(running)
    before = len(api.writes)
    checked = running.rollout.check(inputs.rollout(), outputs)
    assert yaml.safe_load(checked.inputs["plan"])["pending"] == 0
    assert not running.rollout.differs(checked.inputs, outputs)
    assert len(api.writes) == before


@pytest.mark.usefixtures("installed")
def test_new_node_is_a_difference_and_update_installs_it_alone(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    outputs = up(running)
    api.do(lambda: cluster.add_nodes("node-new"))
    cluster.starts.clear()
    checked = running.rollout.check(inputs.rollout(), outputs)
    assert running.rollout.differs(checked.inputs, outputs)
    outcome = running.rollout.update("id", outputs, checked.inputs)["outcome"]
    assert cluster.starts == ["node-new"]
    assert (outcome["upToDate"], outcome["installed"]) == (5, 1)


@pytest.mark.usefixtures("installed")
def test_failed_node_is_an_outcome_with_its_text_and_no_error(
    running: Running, cluster: Cluster
) -> None:
    cluster.fates["node-3"] = "fails"
    outputs = up(running)
    outcome = outputs["outcome"]
    assert (outcome["installed"], outcome["failed"], outcome["failedNodes"]) == (4, 1, ["node-3"])
    assert (
        "node-3: stage artifacts ended with exit code 1, Error: unpacking | no space left on device"
        in (outputs["failure"])
    )
    checked = running.rollout.check(inputs.rollout(), outputs)
    assert running.rollout.differs(checked.inputs, outputs), "the next up tries again"


@pytest.mark.usefixtures("installed")
def test_the_report_directory_has_the_outcome_for_people_and_for_programs(
    running: Running, tmp_path: Path
) -> None:
    outputs = up(running, reportDir=str(tmp_path))
    document = json.loads((tmp_path / "rollout.json").read_text())
    assert document.items() >= outputs["outcome"].items()
    assert [node["result"] for node in document["nodes"]] == ["done"] * 5
    assert all(node["started"] <= node["ended"] for node in document["nodes"])
    assert '<h1 class="good">✓ 5 of 5 nodes done</h1>' in (tmp_path / "rollout.html").read_text()
    assert (tmp_path / "rollout.prom").read_text().endswith("# EOF\n")
    assert "nodes" not in outputs["outcome"], "the state does not grow with the fleet"


@pytest.mark.usefixtures("installed")
def test_refresh_keeps_what_is_known(running: Running) -> None:
    outputs = up(running)
    read, read_inputs = running.rollout.read("id", outputs)
    assert read == outputs
    assert read_inputs == {
        key: value for key, value in outputs.items() if key not in {"outcome", "failure"}
    }


@pytest.mark.usefixtures("installed")
def test_deleting_the_rollout_touches_nothing(running: Running, api: ApiServer) -> None:
    outputs = up(running)
    before = len(api.writes)
    running.rollout.delete("id", outputs)
    assert len(api.writes) == before


def test_nodes_that_something_else_installed_are_refused(
    running: Running, cluster: Cluster, api: ApiServer
) -> None:
    cluster.add_nodes("node-new", labels={names.RUNTIME_LABEL: "true"})
    (failure,) = running.rollout.check(inputs.rollout()).failures
    assert failure.startswith(
        f"1 node is labelled {names.RUNTIME_LABEL} without a mark of this stack (node-new)"
    )
    assert "rollout.existing: adopt" in failure
    assert (running.engine.lines(ROLLOUT_URN), api.writes) == ([], [])


def test_unknown_node_names_are_refused(running: Running, api: ApiServer) -> None:
    (failure,) = running.rollout.check(inputs.rollout(nodes=["node-0", "node-9"])).failures
    assert failure.startswith("job.nodes names node-9, which the cluster does not have")
    assert (running.engine.lines(ROLLOUT_URN), api.writes) == ([], [])


@pytest.mark.usefixtures("installed")
def test_empty_selection_of_an_installed_fleet_is_refused(running: Running) -> None:
    outputs = up(running)
    (failure,) = running.rollout.check(inputs.rollout(selectors=["pool=typo"]), outputs).failures
    assert failure.startswith(
        "no node matches the node selector 'pool=typo', but 5 nodes are installed"
    )


def test_missing_rights_are_named_together_before_anything_is_written(
    running: Running, api: ApiServer
) -> None:
    api.denied = {"patch nodes", "create jobs"}
    (failure,) = running.rollout.check(inputs.rollout()).failures
    assert "is not allowed to patch nodes, create jobs.batch in kube-system" in failure
    assert "docs/operator-rbac.yaml" in failure


PASSED = {
    "clusterUid": "cluster-1",
    "kataVersion": "4.0.0",
    "namespace": "kube-system",
    "suffix": "",
}


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kataVersion": "3.9.0"}, "kataVersion"),
        ({"namespace": "kata", "suffix": "b"}, "namespace, suffix"),
        ({"passed": PASSED | {"clusterUid": "cluster-2"}}, "clusterUid"),
    ],
)
def test_what_the_guard_rails_have_not_checked_is_refused(
    running: Running, api: ApiServer, changes: dict[str, Any], says: str
) -> None:
    """With `--target` the engine passes on the last outputs of `Preflight`."""
    (failure,) = running.rollout.check(inputs.rollout(passed=PASSED) | changes).failures
    assert failure.startswith(f"the guard rails have not checked a changed {says}: `--target`")
    assert api.writes == []
    assert running.rollout.check(inputs.rollout(passed=PASSED)).failures == []


def test_installation_that_is_not_the_one_in_the_state_is_refused(
    running: Running, api: ApiServer, installed: dict[str, Any]
) -> None:
    before = len(api.writes)
    (failure,) = running.rollout.check(inputs.rollout(installationId="older")).failures
    assert f"the cluster has the installation {installed['installationId']}" in failure
    assert (
        running.rollout.check(inputs.rollout(installationId=installed["installationId"])).failures
        == []
    )
    with pytest.raises(grpc.RpcError, match="the state is older than the cluster"):
        running.rollout.create(inputs.rollout(installationId="older"))
    assert len(api.writes) == before


def test_preview_plans_although_it_does_not_know_the_installation_yet(running: Running) -> None:
    later = {"installationId": rpc.UNKNOWN, "passed": rpc.UNKNOWN}
    checked = running.rollout.check(inputs.rollout() | later)
    assert checked.failures == []
    assert yaml.safe_load(checked.inputs["plan"])["pending"] == 5
    assert {key: checked.inputs[key] for key in later} == later
    assert (
        running.rollout.check(inputs.rollout() | {"installJob": rpc.UNKNOWN}).inputs.get("plan")
        is None
    )


def test_create_without_an_installation_is_one_clean_error(
    running: Running, cluster: Cluster
) -> None:
    checked = running.rollout.check(inputs.rollout())
    with pytest.raises(grpc.RpcError) as caught:
        running.rollout.create(checked.inputs)
    text = caught.value.details() or ""
    assert "leases/kata-deploy" in text
    assert "404 Not Found" in text
    assert "Traceback" not in text
    assert cluster.starts == []
