"""`Installation` in a real provider process, against an API server."""

from typing import Any

import grpc
import pytest

from kata_components import names
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import INSTALLATION_URN

LEASE = "kata-deploy"


def create(running: Running) -> tuple[str, dict[str, Any]]:
    """Check and create, as a first `up` does."""
    checked = running.installation.check(inputs.installation())
    assert checked.failures == []
    return running.installation.create(checked.inputs)


def install(running: Running) -> tuple[str, dict[str, Any]]:
    """Create the installation and roll out to every node."""
    made = create(running)
    running.rollout.create(running.rollout.check(inputs.rollout()).inputs)
    return made


def refusal(running: Running, olds: dict[str, Any] | None = None, **changes: Any) -> str:
    """Return the only failure of a check."""
    (failure,) = running.installation.check(inputs.installation(**changes), olds).failures
    return failure


def test_first_check_only_reads_and_knows_the_cluster(running: Running, api: ApiServer) -> None:
    checked = running.installation.check(inputs.installation())
    assert (checked.failures, api.writes) == ([], [])
    assert checked.inputs["clusterUid"] == "cluster-1"


def test_create_names_the_installation_in_the_cluster(running: Running, cluster: Cluster) -> None:
    identity, outputs = create(running)
    annotations = cluster.leases[LEASE]["metadata"]["annotations"]
    assert annotations == {
        names.INSTALLATION_ANNOTATION: identity,
        names.STACK_ANNOTATION: inputs.STACK,
    }
    assert outputs["installationId"] == identity
    assert outputs["cleanupJob"] == inputs.TEMPLATES["cleanup-job.yaml"]


def test_unchanged_installation_is_no_difference(running: Running, api: ApiServer) -> None:
    _, outputs = create(running)
    before = len(api.writes)
    checked = running.installation.check(inputs.installation(), outputs)
    assert checked.failures == []
    assert not running.installation.differs(checked.inputs, outputs)
    assert len(api.writes) == before


def test_deleted_lease_is_restored_by_the_next_up(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    identity, outputs = create(running)
    api.do(cluster.leases.clear)
    checked = running.installation.check(inputs.installation(), outputs)
    assert running.installation.differs(checked.inputs, outputs)
    updated = running.installation.update(identity, outputs, checked.inputs)
    assert (
        cluster.leases[LEASE]["metadata"]["annotations"][names.INSTALLATION_ANNOTATION] == identity
    )
    again = running.installation.check(inputs.installation(), updated)
    assert not running.installation.differs(again.inputs, updated)


def test_renamed_stack_renames_the_lease_and_only_that(running: Running, cluster: Cluster) -> None:
    identity, outputs = create(running)
    renamed = {"stack": "kata-deploy/renamed"}
    checked = running.installation.check(inputs.installation(**renamed), outputs)
    assert running.installation.differs(checked.inputs, outputs)
    updated = running.installation.update(identity, outputs, checked.inputs)
    annotations = cluster.leases[LEASE]["metadata"]["annotations"]
    assert annotations == {
        names.INSTALLATION_ANNOTATION: identity,
        names.STACK_ANNOTATION: "kata-deploy/renamed",
    }
    assert not running.installation.differs(checked.inputs, updated)
    # A copy of the state with the old name is now a copy of another stack's.
    assert "belongs to the stack kata-deploy/renamed" in refusal(running, outputs)


def test_going_on_with_what_a_lost_state_knew_is_said(running: Running) -> None:
    _, outputs = create(running)
    running.installation.check(inputs.installation(), outputs)
    assert running.engine.lines(INSTALLATION_URN) == []
    running.installation.check(inputs.installation())
    (line,) = running.engine.lines(INSTALLATION_URN)
    assert line.startswith(
        "this stack already has an installation on the cluster (Lease kube-system/kata-deploy)"
    )


def test_lease_of_a_newer_installation_is_a_difference_that_update_refuses(
    running: Running, api: ApiServer
) -> None:
    identity, outputs = create(running)
    create(running)
    before = len(api.writes)
    checked = running.installation.check(inputs.installation(), outputs)
    assert running.installation.differs(checked.inputs, outputs)
    with pytest.raises(grpc.RpcError, match="the state is older than the cluster"):
        running.installation.update(identity, outputs, checked.inputs)
    assert len(api.writes) == before


def test_delete_cleans_every_node_and_removes_the_lease(running: Running, cluster: Cluster) -> None:
    identity, outputs = install(running)
    cluster.starts.clear()
    running.installation.delete(identity, outputs)
    assert sorted(cluster.starts) == sorted(cluster.nodes)
    assert cluster.most_active <= 3
    assert cluster.violations == []
    assert (cluster.jobs, cluster.leases, cluster.marked()) == ({}, {}, [])
    lines = running.engine.lines(INSTALLATION_URN)
    assert lines[0] == "cleaning 5 nodes, at most 3 at a time"
    assert lines[-1].startswith("cleaned 5 nodes in ")


def test_delete_that_leaves_a_node_is_an_error_with_its_reason(
    running: Running, cluster: Cluster
) -> None:
    identity, outputs = install(running)
    cluster.fates["node-1"] = "fails"
    with pytest.raises(grpc.RpcError) as caught:
        running.installation.delete(identity, outputs)
    text = caught.value.details() or ""
    assert "1 node could not be cleaned\n  node-1: stage artifacts ended with exit code 1" in text
    assert "`pulumi destroy` can be run again" in text
    assert "Traceback" not in text
    assert list(cluster.leases) == [LEASE]


def test_a_replaced_installation_cleans_nothing_when_it_is_deleted(
    running: Running, cluster: Cluster
) -> None:
    old = install(running)
    new = create(running)
    assert old[0] != new[0]
    cluster.starts.clear()
    running.installation.delete(*old)
    assert (cluster.starts, cluster.marked()) == ([], sorted(cluster.nodes))
    assert running.engine.lines(INSTALLATION_URN)[-1] == (
        "a newer Installation of this stack has taken over; no node is touched"
    )
    running.installation.delete(*new)
    assert (cluster.leases, cluster.marked()) == ({}, [])


def test_delete_on_another_cluster_touches_nothing(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    identity, outputs = install(running)
    cluster.objects["namespaces/kube-system"]["metadata"]["uid"] = "cluster-2"
    before = len(api.writes)
    with pytest.raises(grpc.RpcError, match="this is not the cluster the stack installed on"):
        running.installation.delete(identity, outputs)
    assert len(api.writes) == before


def test_read_never_loses_the_anchor(running: Running, api: ApiServer, cluster: Cluster) -> None:
    identity, outputs = create(running)
    api.do(cluster.leases.clear)
    read, read_inputs = running.installation.read(identity, outputs)
    assert read == outputs
    assert read_inputs == {key: value for key, value in outputs.items() if key != "installationId"}


def test_another_cluster_is_refused(running: Running, cluster: Cluster) -> None:
    _, outputs = create(running)
    cluster.objects["namespaces/kube-system"]["metadata"]["uid"] = "cluster-2"
    assert "context prod is a different cluster from the one this stack installed on" in refusal(
        running, outputs
    )


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"deploymentMode": "daemonset"}, "deploymentMode job → daemonset"),
        ({"suffix": "b"}, "suffix (none) → b"),
        ({"kataVersion": "3.9.0"}, "kataVersion 4.0.0 → 3.9.0 is a downgrade"),
    ],
)
def test_changes_that_would_orphan_nodes_are_refused_with_their_number(
    running: Running, api: ApiServer, change: dict[str, str], says: str
) -> None:
    _, outputs = install(running)
    before = len(api.writes)
    text = refusal(running, outputs, **change)
    assert text.startswith(says)
    assert "5 nodes are installed now" in text or "the 5 nodes that are installed now" in text
    assert "The safe way: " in text
    assert len(api.writes) == before


def test_installation_of_another_stack_is_refused(running: Running) -> None:
    create(running)
    assert (
        "belongs to the stack kata-deploy/test (Lease kube-system/kata-deploy), "
        "this is kata-deploy/b"
    ) in refusal(running, stack="kata-deploy/b")
