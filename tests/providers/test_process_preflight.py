"""`Preflight` in a real provider process, against an API server."""

import json
from pathlib import Path
from typing import Any

import pytest

from kata_components import names
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import PREFLIGHT_URN
from tests.providers.preflight import checked, put, refusal


def test_nothing_is_written_and_the_cluster_is_known(running: Running, api: ApiServer) -> None:
    before = checked(running)
    assert before["clusterUid"] == "cluster-1"
    identity, outputs = running.preflight.create(before)
    assert identity == "kube-system/preflight"
    running.preflight.update(identity, outputs, checked(running, before))
    assert running.preflight.read(identity, outputs) == (outputs, outputs)
    running.preflight.delete(identity, outputs)
    assert api.writes == []


def test_difference_is_what_other_resources_read_of_it(running: Running, tmp_path: Path) -> None:
    before = checked(running)
    _, outputs = running.preflight.create(before)
    report = {"reportDir": str(tmp_path), "objects": [], "podTemplate": "aaa", "existing": "adopt"}
    assert not running.preflight.differs(checked(running, before, **report), outputs)
    assert running.preflight.differs(checked(running, before, kataVersion="4.1.0"), outputs)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"deploymentMode": "daemonset"}, "deploymentMode job → daemonset"),
        ({"suffix": "b"}, "suffix (none) → b"),
        ({"namespace": "kata"}, "namespace kube-system → kata"),
        ({"kataVersion": "3.9.0"}, "kataVersion 4.0.0 → 3.9.0 is a downgrade"),
    ],
)
def test_changes_that_would_orphan_nodes_are_refused(
    running: Running, api: ApiServer, change: dict[str, str], says: str
) -> None:
    assert refusal(running, checked(running), **change).startswith(says)
    assert api.writes == []


def test_another_cluster_is_refused(running: Running, cluster: Cluster) -> None:
    before = checked(running)
    cluster.objects["namespaces/kube-system"]["metadata"]["uid"] = "cluster-2"
    assert "context prod is a different cluster from the one this stack installed on" in refusal(
        running, before
    )


@pytest.mark.usefixtures("installed")
def test_installation_of_another_stack_is_refused(running: Running) -> None:
    text = refusal(running, stack="kata-deploy/b")
    assert (
        "belongs to the stack kata-deploy/test (Lease kube-system/kata-deploy), "
        "this is kata-deploy/b"
    ) in text
    before = checked(running) | {"stack": "kata-deploy/c"}
    assert text == refusal(running, before, stack="kata-deploy/b")


@pytest.mark.usefixtures("installed")
def test_a_stack_that_was_renamed_is_the_same_one(running: Running) -> None:
    checked(running, checked(running), stack="kata-deploy/renamed")


def test_absent_namespace_is_refused_with_the_command_that_makes_it(running: Running) -> None:
    assert refusal(running, namespace="kata") == (
        "namespace kata does not exist; create it: `kubectl create namespace kata`"
    )


@pytest.mark.parametrize("mode", ["job", "daemonset"])
def test_a_namespace_in_which_no_pod_could_be_made_is_refused_while_pods_are_to_be_made(
    running: Running, cluster: Cluster, mode: str
) -> None:
    template: dict[str, Any] = {"podTemplate": "1" if mode == "daemonset" else None}
    before = checked(running, deploymentMode=mode, **template)
    labels = {"pod-security.kubernetes.io/enforce": "baseline"}
    cluster.objects["namespaces/kube-system"]["metadata"]["labels"] = labels
    says = "namespace kube-system enforces the Pod Security Standard baseline: "
    assert refusal(running, deploymentMode=mode, **template).startswith(says)
    checked(running, before, deploymentMode=mode, **template)
    if mode == "daemonset":
        assert refusal(running, before, deploymentMode=mode, podTemplate="2").startswith(says)


def test_change_of_the_daemon_set_says_how_many_nodes_it_restarts(
    running: Running, cluster: Cluster
) -> None:
    before = checked(running, deploymentMode="daemonset", podTemplate="aaa", objects=[])
    put(
        cluster,
        "namespaces/kube-system/daemonsets/kata-deploy",
        status={"currentNumberScheduled": 5},
    )
    checked(running, before, deploymentMode="daemonset", podTemplate="bbb", objects=[])
    (line,) = running.engine.lines(PREFLIGHT_URN)
    assert line.startswith("this change restarts the pods of DaemonSet kata-deploy on 5 nodes")


def marked(running: Running, cluster: Cluster, **changes: Any) -> None:
    """Roll out to all nodes, as another stack would."""
    installation = inputs.installation(**changes)
    made = running.installation.create(running.installation.check(installation).inputs)
    where = {"namespace": installation["namespace"], "stack": installation["stack"]}
    running.rollout.create(inputs.rollout(**where, installationId=made[0]))
    assert cluster.marked() == sorted(cluster.nodes)


BINDING = "clusterrolebindings/kata-deploy-rb"


def test_an_installation_of_the_suffix_in_another_namespace_is_refused(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    marked(running, cluster, stack="kata-deploy/a")
    before = len(api.writes)
    cluster.objects["namespaces/team-b"] = {"metadata": {"name": "team-b", "uid": "uid-b"}}
    text = refusal(running, namespace="team-b", stack="kata-deploy/b")
    assert (
        "(marks on 5 nodes, in namespace kube-system), but namespace team-b has no Lease of it"
        in text
    )
    assert "set `namespace` to kube-system" in text
    assert text.endswith(
        f"remove them: `kubectl annotate nodes --all {names.mark_annotation('')}-`."
    )
    assert "To proceed anyway" not in text
    # In daemonset mode nodes carry no marks.
    api.do(lambda: [node["metadata"]["annotations"].clear() for node in cluster.nodes.values()])
    put(
        cluster,
        BINDING,
        subjects=[{"kind": "ServiceAccount", "namespace": "kube-system", "name": "kata-deploy-sa"}],
    )
    text = refusal(running, namespace="team-b", stack="kata-deploy/b", deploymentMode="daemonset")
    assert "(rights of namespace kube-system), but namespace team-b has no Lease of it" in text
    assert text.endswith("remove them: `kubectl delete clusterrolebinding kata-deploy-rb`.")
    assert len(api.writes) == before


def test_nodes_marked_by_an_older_version_whose_lease_and_state_are_lost_can_be_approved(
    running: Running, api: ApiServer, cluster: Cluster, tmp_path: Path
) -> None:
    marked(running, cluster)
    key = names.mark_annotation("")

    def forget() -> None:
        cluster.leases.clear()
        for node in cluster.nodes.values():
            mark = json.loads(node["metadata"]["annotations"][key])
            node["metadata"]["annotations"][key] = json.dumps(
                {k: v for k, v in mark.items() if k != "namespace"}
            )

    api.do(forget)
    text = refusal(running, reportDir=str(tmp_path))
    assert (
        "(marks on 5 nodes, made by an older version), but namespace kube-system has no Lease of it"
        in text
    )
    assert f"review {tmp_path}/plan.html, copy {tmp_path}/plan.json" in text
    approved: dict[str, Any] = {
        "approvedPlan": str((tmp_path / "plan.json").rename(tmp_path / "approved.json"))
    }
    checked(running, **approved)
    put(cluster, "runtimeclasses/kata-qemu")
    assert "not created by any stack (runtimeclasses/kata-qemu)" in refusal(running, **approved)


def test_marks_of_this_namespace_and_known_installations_are_no_reason_to_refuse(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    marked(running, cluster)
    put(
        cluster,
        BINDING,
        subjects=[{"kind": "ServiceAccount", "namespace": "kube-system", "name": "kata-deploy-sa"}],
    )
    checked(running)
    before = checked(running)
    api.do(cluster.leases.clear)
    checked(running)
    checked(running, before)


def test_two_of_one_program_share_neither_installation_nor_reports(
    fresh: Running, tmp_path: Path
) -> None:
    reports: dict[str, Any] = {"reportDir": str(tmp_path)}
    checked(fresh, **reports)
    other: dict[str, Any] = {
        "urn": PREFLIGHT_URN.replace("kata-deploy-preflight", "kata-b-preflight")
    }
    failures = fresh.preflight.check(inputs.preflight(**other, **reports)).failures
    assert [text.partition(";")[0] for text in failures] == [
        'KataDeploy "kata-deploy" of this program already installs with this '
        "env.multiInstallSuffix on the same cluster",
        f'KataDeploy "kata-deploy" of this program already writes to rollout.reportDir {tmp_path}',
    ]
    checked(fresh, **other, suffix="b")
    checked(fresh, **reports)
