"""From 4.0.0 over 4.1.0 to 4.2.0: at no moment a node that serves Kata is out of scheduling."""

import pytest

from kata_components import names
from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.conftest import WORKERS
from tests.e2e.moments import Moments
from tests.e2e.observe import Audit
from tests.e2e.stack import Stack

pytestmark = pytest.mark.e2e

OWN_LABEL = names.instance_label("")


def labelled(kube: Kube) -> set[str]:
    """Return the nodes on which pods of 4.1.0 can run."""
    return {
        node["metadata"]["name"]
        for node in kube.get("/api/v1/nodes")["items"]
        if all(
            node["metadata"]["labels"].get(key) == "true"
            for key in (names.RUNTIME_LABEL, OWN_LABEL)
        )
    }


def as_an_older_checkout_left_it(cluster: Cluster, kube: Kube) -> None:
    for name in cluster.workers():
        kube.merge(f"/api/v1/nodes/{name}", {"metadata": {"labels": {OWN_LABEL: None}}})


def test_every_version_in_waves_with_nodes_labelled_before_runtime_classes_ask_for_it(
    stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    stack.configure(kataVersion="4.0.0")
    assert stack.up().ok
    as_an_older_checkout_left_it(cluster, kube)
    stack.configure(kataVersion="4.1.0", rollout={"waves": [1, "100%"]})
    audit, moments = Audit(cluster.audit_log), Moments(kube, "kata-qemu")
    announced = f"{WORKERS} nodes get the label {OWN_LABEL} before RuntimeClasses ask for it"
    preview = stack.preview()
    assert preview.ok, preview.text
    assert announced in preview.text
    assert audit.writes() == []

    up = stack.up()
    assert up.ok, up.text
    written = [(resource, name) for verb, resource, name in audit.writes() if verb == "patch"]
    first = next(place for place, (resource, _) in enumerate(written) if resource != "nodes")
    assert sorted(name for _, name in written[:first]) == cluster.workers()
    assert labelled(kube) == set(cluster.workers())
    assert moments.idle() == {}

    stack.configure(kataVersion="4.2.0", rollout={"waves": [1, "50%", "100%"]})
    audit, moments = Audit(cluster.audit_log), Moments(kube, "kata-qemu")
    up = stack.up()
    assert up.ok, up.text
    assert "get the label" not in up.text
    assert f"({WORKERS} upgrade, " in up.text
    assert sorted(audit.job_nodes()) == cluster.workers()
    assert moments.idle() == {}
