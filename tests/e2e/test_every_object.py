"""Every object that the program can make, with all options, on a real API server."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from kata_components.manifests.builders import Manifest
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.manifests.objects import all_objects
from kata_components.settings.load import load_settings
from sandbox.cluster import Cluster
from sandbox.control_plane import ADMIN
from sandbox.kube import Kube
from tests.e2e.conftest import destroyed_afterwards, fresh_fleet, path_of
from tests.e2e.nfd import CRD, CRD_PATH, program, repository
from tests.e2e.observe import Audit, everything
from tests.e2e.stack import Stack
from tests.e2e.test_rights import granted
from tests.program.test_all_objects import CONFIGS
from tests.sandbox.waiting import until

pytestmark = pytest.mark.e2e

ALL = {
    **CONFIGS,
    "4.0.0-every-shim": {"kataVersion": "4.0.0", "cluster": {"context": "c"}},
    "4.1.0-every-shim": {"kataVersion": "4.1.0", "cluster": {"context": "c"}, "debug": True},
    "4.2.0-every-stage": {
        "kataVersion": "4.2.0",
        "cluster": {"context": "c"},
        "deploymentMode": "job",
        "rollout": {"runsIn": "cluster"},
        "job": {"reconcile": {"enabled": True}},
        "nodeBinaries": {"tools": {"image": "tools:1", "binaries": ["mkfs.erofs"]}},
        "selinux": {"enabled": True},
    },
}
NODE = "worker-0001"
VERIFY = "/apis/batch/v1/namespaces/kube-system/jobs/kata-deploy-verify"
MONITOR = "/apis/apps/v1/namespaces/kube-system/daemonsets/kata-monitor"


@pytest.fixture
def _feature_rules(kube: Kube) -> Iterator[None]:
    """The CustomResourceDefinition of node-feature-discovery's rules."""
    kube.apply(CRD_PATH, CRD)
    kind = "/apis/nfd.k8s-sigs.io/v1alpha1/nodefeaturerules"
    until(lambda: kube.answers(kind))
    yield
    kube.delete(CRD_PATH)
    until(lambda: not kube.answers(kind))


def on_one_node(stack: Stack, config: dict[str, Any]) -> None:
    """Copy a configuration into the stack, but select only one node."""
    own = {key: value for key, value in config.items() if key != "cluster"}
    if config.get("deploymentMode") == "job":
        stack.configure(**own, job={"nodes": [NODE]})
    else:
        stack.configure(rollout=None, job=None, **{"deploymentMode": "daemonset", **own})
        stack.configure(nodeSelector={"kubernetes.io/hostname": NODE})


def live_objects(kube: Kube, config: dict[str, Any]) -> list[Manifest]:
    """Return all objects of a configuration as they are in the cluster; fail if one is missing."""
    return [kube.get(path_of(manifest)) for manifest in all_objects(load_settings(config))]


@pytest.mark.usefixtures("_feature_rules")
@pytest.mark.parametrize("config", ALL.values(), ids=ALL)
def test_the_api_server_knows_every_field(kube: Kube, config: dict[str, Any]) -> None:
    settings = load_settings(config)
    for manifest in all_objects(settings):
        kube.apply(path_of(manifest), manifest, dryRun="All", fieldValidation="Strict")
    if settings.deployment_mode == "job":
        for job in (install_job(settings), cleanup_job(settings)):
            named = {
                **job,
                "metadata": {
                    **job["metadata"],
                    "name": "on-a-node",
                    "namespace": settings.namespace,
                },
            }
            kube.apply(path_of(named), named, dryRun="All", fieldValidation="Strict")


@pytest.mark.usefixtures("_feature_rules")
def test_all_options_with_the_rights_that_options_need(
    stack: Stack, kube: Kube, audit: Audit
) -> None:
    before = everything(kube)
    on_one_node(stack, CONFIGS["4.2.0-daemonset"])
    up = stack.up()
    assert up.ok, up.text
    # The CLI warns of plugins on PATH, and of one that is older than requested.
    assert "$PATH" not in up.text
    assert "expected to have version" not in up.text
    assert len({manifest["kind"] for manifest in live_objects(kube, stack.config)}) >= 8
    assert kube.get(VERIFY)["status"]["succeeded"] == 1
    assert kube.get(MONITOR)["status"]["numberReady"] == 1
    assert traces_of_pulumi(live_objects(kube, stack.config)) == set()

    quiet = Audit(stack.cluster.audit_log)
    again = stack.up()
    assert again.ok, again.text
    assert quiet.writes() == []

    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before
    assert audit.refused() == []
    seen = {right for right in granted(options=True) if right[0] in {"patch", "list", "delete"}}
    assert seen - audit.used() == set()


@pytest.fixture
def stack_with_the_chart(
    cluster: Cluster, new_stack: Callable[..., Stack], tmp_path: Path
) -> Iterator[Stack]:
    """A stack of 4.0.0 in job mode that gets node-feature-discovery's chart from loopback."""
    config = CONFIGS["4.0.0-job"]
    chart = load_settings(config).traits.feature_discovery_chart
    fresh_fleet(cluster)
    with (
        repository(tmp_path / "charts", chart) as address,
        # Only an administrator can grant the chart's roles.
        destroyed_afterwards(new_stack(ADMIN, program(tmp_path / "program", address))) as stack,
    ):
        on_one_node(stack, config)
        yield stack


def test_job_mode_with_the_chart_of_node_feature_discovery(
    stack_with_the_chart: Stack, kube: Kube
) -> None:
    stack = stack_with_the_chart
    before = everything(kube)
    everywhere = [{"operator": "Exists"}]
    stack.configure(
        **{"node-feature-discovery": {"enabled": True, "worker": {"tolerations": everywhere}}}
    )
    up = stack.up()
    assert up.ok, up.text
    worker = kube.get(
        "/apis/apps/v1/namespaces/kube-system/daemonsets/kata-deploy-node-feature-discovery-worker"
    )
    assert worker["spec"]["template"]["spec"]["tolerations"] == everywhere
    assert kube.get(CRD_PATH)["spec"]["names"]["kind"] == "NodeFeatureRule"
    assert live_objects(kube, stack.config)
    assert kube.get(VERIFY)["status"]["succeeded"] == 1
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert everything(kube) == before


def traces_of_pulumi(objects: list[Manifest]) -> set[str]:
    """Return the annotations that are directives to Pulumi, of no use to anyone else."""
    return {
        key
        for item in objects
        for key in item["metadata"].get("annotations", {})
        if key.startswith("pulumi.com/")
    }
