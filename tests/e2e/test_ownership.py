"""What belongs to others stays as it is, and guard rails refuse before anything changes.

The real engine and API server show what fakes cannot: the order of the program, what `--target`
leaves out, how a server writes quantities.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from kata_components import names
from kata_components.manifests.objects import kept_objects
from kata_components.settings.load import load_settings
from sandbox.cluster import Cluster
from sandbox.kube import Kube, in_parallel
from sandbox.nodes import CONTROL_PLANES
from tests.e2e.conftest import path_of
from tests.e2e.observe import Audit, everything
from tests.e2e.stack import Stack
from tests.e2e.test_helm_migration import pod_uids, wait_until, wait_until_installed

pytestmark = pytest.mark.e2e

CLASS = "/apis/node.k8s.io/v1/runtimeclasses/kata-qemu"
BIG = {"qemu": {"enabled": True, "runtimeClass": {"overhead": {"memory": "2048Mi", "cpu": "1.0"}}}}

Apply = Callable[[dict[str, Any]], list[str]]


@pytest.fixture
def apply(kube: Kube) -> Iterator[Apply]:
    """Apply the objects of a configuration as Flux does; return their paths."""
    made: list[str] = []

    def applied(config: dict[str, Any]) -> list[str]:
        for manifest in kept_objects(load_settings(config)):
            made.append(path_of(manifest))
            kube.apply(made[-1], manifest, fieldManager="kustomize-controller")
        return list(made)

    yield applied
    for path in made:
        collection, _, name = path.rpartition("/")
        if any(item["metadata"]["name"] == name for item in kube.get(collection)["items"]):
            kube.delete(path)
    wait_until(lambda: not pod_uids(kube))


def test_objects_that_a_controller_applied(
    apply: Apply, stack: Stack, cluster: Cluster, kube: Kube, audit: Audit
) -> None:
    before = everything(kube)
    stack.configure(
        deploymentMode="daemonset", job=None, rollout=None, shims={"disableAll": True, **BIG}
    )
    paths = apply(stack.config)
    wait_until_installed(kube)
    pods = pod_uids(kube)

    refused = stack.up()
    assert refused.code != 0
    objects = f"{len(paths)} objects of this installation exist already"
    assert f"{objects}, not created by any stack" in refused.text
    assert audit.writes() == []

    stack.configure(rollout={"existing": "adopt"})
    up = stack.run("up", "--yes")
    assert up.ok, up.text
    assert f"takes over {len(paths)} objects that already exist" in up.text
    assert "none restarts" in up.text
    assert pod_uids(kube) == pods
    assert all(
        names.STACK_ANNOTATION in kube.get(path)["metadata"]["annotations"] for path in paths
    )

    stack.configure(rollout=None)
    quiet = Audit(cluster.audit_log)
    again = stack.up()
    assert again.ok, again.text
    assert quiet.writes() == []
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def test_nodes_of_job_mode_are_adopted_where_a_controller_applied_the_templates(
    apply: Apply, stack: Stack, cluster: Cluster, kube: Kube
) -> None:
    workers = cluster.workers()
    in_parallel(lambda node: cluster.behave(node, no_handlers="true"), workers)
    for node in workers:
        kube.merge(f"/api/v1/nodes/{node}", {"metadata": {"labels": {names.RUNTIME_LABEL: "true"}}})
    stack.configure(rollout={"existing": "adopt"})
    born = stack.preview()
    assert born.ok, born.text
    assert "nothing shows that Kata is there" in born.text
    assert f"({len(workers) + CONTROL_PLANES} skipped)" in born.text

    apply(stack.config)
    audit = Audit(cluster.audit_log)
    up = stack.up()
    assert up.ok, up.text
    assert (stack.outputs()["rollout"]["adopted"], stack.outputs()["rollout"]["installed"]) == (
        len(workers),
        0,
    )
    assert audit.job_nodes() == []


def test_a_runtime_class_of_another_team(
    apply: Apply, stack: Stack, kube: Kube, audit: Audit
) -> None:
    apply({**stack.config, "shims": {"disableAll": True, **BIG}})
    theirs = kube.get(CLASS)
    stack.configure(rollout={"existing": "adopt"})
    refused = stack.up()
    assert refused.code != 0
    assert "differs from this configuration (runtimeclasses/kata-qemu)" in refused.text
    assert (audit.writes(), kube.get(CLASS)) == ([], theirs)
