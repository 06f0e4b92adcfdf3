"""`Preflight` labels nodes ahead of an upgrade, before RuntimeClasses ask for the label."""

from typing import Any

import grpc
import pytest

from kata_components import names
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import PREFLIGHT_URN
from tests.providers.preflight import checked, refusal

OWN = names.instance_label("")
UPGRADED: dict[str, Any] = {"kataVersion": "4.1.0", "instanceLabel": OWN}


@pytest.fixture
def before(
    running: Running, api: ApiServer, cluster: Cluster, installed: dict[str, Any]
) -> dict[str, Any]:
    """The inputs of `Preflight` on a cluster where an older checkout has installed 4.0.0."""
    running.rollout.create(inputs.rollout(installationId=installed["installationId"]))
    known = checked(running)

    def unlabel() -> None:
        for name, node in cluster.nodes.items():
            cluster.patch_node(name, node["metadata"]["uid"], annotations={}, labels={OWN: None})

    api.do(unlabel)
    running.engine.messages.clear()
    return known


def labelled(cluster: Cluster) -> list[str]:
    return [
        name
        for name, node in cluster.nodes.items()
        if node["metadata"]["labels"].get(OWN) == "true"
    ]


def test_an_upgrade_labels_nodes_first_and_says_so(
    running: Running, api: ApiServer, cluster: Cluster, before: dict[str, Any]
) -> None:
    identity, outputs = running.preflight.create(before)
    writes = len(api.writes)
    news = checked(running, before, **UPGRADED)
    assert news["nodesToLabel"] == 5
    assert running.engine.lines(PREFLIGHT_URN) == [
        f"5 nodes get the label {OWN} before RuntimeClasses ask for it"
    ]
    assert len(api.writes) == writes, "a check only reads"
    assert running.preflight.differs(news, outputs)
    outputs = running.preflight.update(identity, outputs, news)
    assert labelled(cluster) == sorted(cluster.nodes)
    assert "nodesToLabel" not in outputs
    assert "instanceLabel" not in outputs
    again = checked(running, news, **UPGRADED)
    assert "nodesToLabel" not in again
    assert not running.preflight.differs(again, outputs)


def test_nodes_that_lost_the_label_of_an_older_version_alone_are_a_difference(
    running: Running, before: dict[str, Any]
) -> None:
    """As after an upgrade by an older checkout, which has changed the classes already."""
    outputs = inputs.preflight(**before | {"kataVersion": "4.1.0"})
    outputs |= {"passed": before["passed"] | {"kataVersion": "4.1.0"}}
    del outputs["objects"]
    news = checked(running, before | {"kataVersion": "4.1.0"}, **UPGRADED)
    assert running.preflight.differs(news, outputs)


def test_a_state_of_an_older_checkout_is_no_difference(running: Running) -> None:
    old = checked(running, kataVersion="4.1.0")
    _, outputs = running.preflight.create(old)
    assert not running.preflight.differs(checked(running, old, **UPGRADED), outputs)


@pytest.mark.usefixtures("before")
def test_without_a_state_nodes_are_labelled_when_the_resource_is_created(
    running: Running, cluster: Cluster
) -> None:
    running.preflight.create(checked(running, **UPGRADED))
    assert labelled(cluster) == sorted(cluster.nodes)


def test_a_refused_label_stops_the_update(
    running: Running, api: ApiServer, cluster: Cluster, before: dict[str, Any]
) -> None:
    identity, outputs = running.preflight.create(before)
    api.locked_nodes.add("node-3")
    news = checked(running, before, **UPGRADED)
    with pytest.raises(grpc.RpcError) as caught:
        running.preflight.update(identity, outputs, news)
    text = str(caught.value)
    assert f"1 node could not be labelled with {OWN}" in text
    assert "node-3: " in text
    assert f"`kubectl label node node-3 {OWN}=true`. Then run `pulumi up` again." in text
    api.locked_nodes.clear()
    assert checked(running, before, **UPGRADED)["nodesToLabel"] == 1
    running.preflight.update(identity, outputs, news)
    assert labelled(cluster) == sorted(cluster.nodes)


def test_missing_rights_are_named_before_anything_changes(
    running: Running, api: ApiServer, before: dict[str, Any]
) -> None:
    api.denied |= {"patch nodes"}
    assert refusal(running, before, **UPGRADED).startswith(
        "this identity is not allowed to patch nodes. Nothing was written.\n"
        "  A cluster administrator"
    )


def test_an_upgrade_without_the_lease_is_refused(
    running: Running, api: ApiServer, cluster: Cluster, before: dict[str, Any]
) -> None:
    api.do(cluster.leases.clear)
    assert refusal(running, before, **UPGRADED).endswith(
        "Setting it takes the Lease kube-system/kata-deploy, which was deleted: run `pulumi up` "
        "with kataVersion 4.0.0, which restores it, then upgrade."
    )


def test_a_renamed_stack_labels_under_the_lease_of_its_old_name(
    running: Running, cluster: Cluster, before: dict[str, Any]
) -> None:
    identity, outputs = running.preflight.create(before)
    news = checked(running, before, stack="kata-deploy/renamed", **UPGRADED)
    running.preflight.update(identity, outputs, news)
    assert labelled(cluster) == sorted(cluster.nodes)
