"""Objects that exist before the first run: `Preflight` refuses them or announces a takeover."""

import json

import pytest

from kata_components import names
from tests.model.cluster import Cluster
from tests.providers import inputs
from tests.providers.api_model import ApiServer
from tests.providers.conftest import Running
from tests.providers.inputs import INSTALLATION_URN, PREFLIGHT_URN
from tests.providers.preflight import checked, put, refusal

QEMU = "node.k8s.io/v1 runtimeclasses  kata-qemu"


def test_objects_of_a_helm_release_are_refused(running: Running, cluster: Cluster) -> None:
    put(cluster, "runtimeclasses/kata-qemu", {"meta.helm.sh/release-name": "kata"})
    text = refusal(running)
    assert text.startswith("1 object of this installation belongs to the Helm release ")
    assert "(runtimeclasses/kata-qemu)" in text


def test_helm_release_is_taken_over_when_the_stack_says_so(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    note = {"meta.helm.sh/release-name": "kata", "meta.helm.sh/release-namespace": "kube-system"}
    cluster.objects["runtimeclasses/kata-qemu"] = {
        "metadata": {"name": "kata-qemu", "annotations": note}
    }
    assert "rollout.existing adopt" in refusal(running, existing="install")
    checked(running, existing="adopt")
    assert api.writes == []
    said = running.installation.check(inputs.installation(existing="adopt"))
    _, outputs = running.installation.create(said.inputs)
    (announced, *_), (done, *_) = (
        running.engine.lines(urn) for urn in (PREFLIGHT_URN, INSTALLATION_URN)
    )
    assert announced.startswith(
        "takes over 1 object of the Helm release kata in namespace kube-system"
    )
    assert done.startswith("took over 1 object of the Helm release kata in namespace kube-system")
    assert cluster.objects["runtimeclasses/kata-qemu"]["metadata"]["annotations"] == {}
    # Neither staying at `adopt` nor going back is a difference, and the state keeps nothing of it.
    assert "existing" not in outputs
    for existing in ({"existing": "adopt"}, {}):
        again = running.installation.check(inputs.installation(**existing), outputs)
        assert not running.installation.differs(again.inputs, outputs)


@pytest.mark.parametrize(
    ("manager", "noted"), [("kustomize-controller", True), ("pulumi-kubernetes", False)]
)
def test_adopt_notes_a_takeover_only_where_another_installer_was(
    running: Running, cluster: Cluster, manager: str, noted: bool
) -> None:
    metadata = {"name": "kata-deploy-job-templates", "managedFields": [{"manager": manager}]}
    cluster.objects["namespaces/kube-system/configmaps/kata-deploy-job-templates"] = {
        "metadata": metadata
    }
    running.installation.create(
        running.installation.check(inputs.installation(existing="adopt")).inputs
    )
    assert (
        names.ADOPTED_ANNOTATION in cluster.leases["kata-deploy"]["metadata"]["annotations"]
    ) is noted


def test_objects_of_a_helm_release_that_a_change_would_take_are_refused(
    running: Running, cluster: Cluster
) -> None:
    path = "runtimeclasses/kata-clh"
    before = checked(running)
    put(cluster, path, {"meta.helm.sh/release-name": "kata"})
    more = {"objects": [*inputs.preflight()["objects"], "node.k8s.io/v1 runtimeclasses  kata-clh"]}
    assert "(runtimeclasses/kata-clh)" in refusal(running, before, **more)
    checked(running, before, **more, existing="adopt")


def test_objects_that_an_interrupted_create_left_are_no_reason_to_refuse(
    running: Running, cluster: Cluster
) -> None:
    note = {names.STACK_ANNOTATION: inputs.STACK}
    cluster.objects["runtimeclasses/kata-qemu"] = {
        "metadata": {"name": "kata-qemu", "annotations": note}
    }
    checked(running)


@pytest.mark.usefixtures("installed")
def test_objects_of_an_older_version_are_known_by_the_installation_they_belong_to(
    running: Running, cluster: Cluster
) -> None:
    fields = [{"manager": "pulumi-kubernetes-2b4c0d6e", "operation": "Apply"}]
    cluster.objects["runtimeclasses/kata-qemu"] = {
        "metadata": {"name": "kata-qemu", "managedFields": fields}
    }
    checked(running)
    cluster.objects["runtimeclasses/kata-qemu"]["metadata"]["managedFields"] = [
        {"manager": "kubectl"}
    ]
    assert "(runtimeclasses/kata-qemu)" in refusal(running)


def test_objects_that_somebody_else_applied_are_refused_before_anything_changes(
    running: Running, api: ApiServer, cluster: Cluster
) -> None:
    put(cluster, "namespaces/kube-system/configmaps/kata-deploy-job-templates")
    put(cluster, "runtimeclasses/kata-qemu", handler="kata-qemu")
    text = refusal(running)
    assert text.startswith(
        "2 objects of this installation exist already, not created by any stack ("
    )
    contents = {QEMU: {"metadata": {"name": "kata-qemu"}, "handler": "kata-qemu"}}
    checked(running, existing="adopt", contents=json.dumps(contents))
    (line, *_) = running.engine.lines(PREFLIGHT_URN)
    assert line.startswith("takes over 2 objects that already exist (")
    contents[QEMU]["overhead"] = {"podFixed": {"cpu": "1"}}
    assert "differs from this configuration (runtimeclasses/kata-qemu)" in (
        refusal(running, existing="adopt", contents=json.dumps(contents))
    )
    assert api.writes == []


@pytest.mark.parametrize("existing", ["adopt", "install", None])
def test_a_daemon_set_that_works_on_the_nodes_is_refused_in_job_mode(
    running: Running, cluster: Cluster, existing: str | None
) -> None:
    put(cluster, "namespaces/kube-system/daemonsets/kata-deploy")
    text = refusal(running, existing=existing)
    assert text.startswith(
        "something installs with deploymentMode daemonset "
        "(it has daemonsets/kube-system/kata-deploy)"
    )


def test_a_renamed_stack_whose_first_up_was_cut_off_still_knows_its_objects(
    running: Running, cluster: Cluster
) -> None:
    before = checked(running)
    renamed = {"stack": "kata-deploy/renamed"}
    put(cluster, "runtimeclasses/kata-qemu", annotations={names.STACK_ANNOTATION: inputs.STACK})
    cut_off = checked(running, before, **renamed)
    again = checked(running, cut_off, **renamed)
    put(
        cluster,
        "runtimeclasses/kata-qemu",
        annotations={names.STACK_ANNOTATION: "kata-deploy/renamed"},
    )
    done = checked(running, again, **renamed)
    # From now on the old name is that of any other stack.
    put(cluster, "runtimeclasses/kata-qemu", annotations={names.STACK_ANNOTATION: inputs.STACK})
    assert f"belongs to the stack {inputs.STACK}" in refusal(running, done, **renamed)
