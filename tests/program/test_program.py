"""The whole program in both modes: what it registers, in which order, and its outputs."""

import json
import traceback
from typing import Any

import pulumi
import pytest
import yaml

from tests.program.conftest import Program

JOB = {"kataVersion": "4.0.0", "deploymentMode": "job", "cluster": {"context": "c"}}
DAEMONSET = {**JOB, "deploymentMode": "daemonset"}
ONE_SHIM = {"shims": {"disableAll": True, "qemu": {"enabled": True}}}

COMMON = {
    "kata-deploy": ("kata:index:KataDeploy", "kata-deploy-test"),
    "kata-deploy-cluster": ("pulumi:providers:kubernetes", "kata-deploy"),
    "kata-deploy-node-rbac": ("kata:index:NodeRbac", "kata-deploy"),
    "kata-deploy-node-rbac-service-account": (
        "kubernetes:core/v1:ServiceAccount",
        "kata-deploy-node-rbac",
    ),
    "kata-deploy-node-rbac-cluster-role": (
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
        "kata-deploy-node-rbac",
    ),
    "kata-deploy-node-rbac-cluster-role-binding": (
        "kubernetes:rbac.authorization.k8s.io/v1:ClusterRoleBinding",
        "kata-deploy-node-rbac",
    ),
    "kata-deploy-runtime-classes": ("kata:index:RuntimeClasses", "kata-deploy"),
    "kata-deploy-runtime-classes-kata-qemu": (
        "kubernetes:node.k8s.io/v1:RuntimeClass",
        "kata-deploy-runtime-classes",
    ),
    "kata-deploy-preflight": ("pulumi-python:dynamic/kata:Preflight", "kata-deploy"),
    "kata-deploy-installation": ("pulumi-python:dynamic/kata:Installation", "kata-deploy"),
}
JOB_MODE = {
    "kata-deploy-job-templates": ("kata:index:JobTemplates", "kata-deploy"),
    "kata-deploy-job-templates-config-map": (
        "kubernetes:core/v1:ConfigMap",
        "kata-deploy-job-templates",
    ),
    "kata-deploy-rollout": ("pulumi-python:dynamic/kata:Rollout", "kata-deploy"),
}
DISPATCHED = {**JOB, "rollout": {"runsIn": "cluster"}}
DISPATCHER = {
    "kata-deploy-dispatcher": ("kata:index:DispatcherHook", "kata-deploy"),
    "kata-deploy-dispatcher-rbac": ("kata:index:DispatcherRbac", "kata-deploy-dispatcher"),
    "kata-deploy-dispatcher-rbac-service-account": (
        "kubernetes:core/v1:ServiceAccount",
        "kata-deploy-dispatcher-rbac",
    ),
} | {
    f"kata-deploy-dispatcher-rbac-{role}": (
        f"kubernetes:rbac.authorization.k8s.io/v1:{kind}",
        "kata-deploy-dispatcher-rbac",
    )
    for role, kind in {
        "cluster-role": "ClusterRole",
        "cluster-role-binding": "ClusterRoleBinding",
        "role": "Role",
        "role-binding": "RoleBinding",
    }.items()
}
DAEMONSET_MODE = {
    "kata-deploy-daemon-set-installer": ("kata:index:DaemonSetInstaller", "kata-deploy"),
    "kata-deploy-daemon-set-installer-daemon-set": (
        "kubernetes:apps/v1:DaemonSet",
        "kata-deploy-daemon-set-installer",
    ),
}


@pytest.mark.parametrize(
    ("config", "own"),
    [(JOB, JOB_MODE), (DAEMONSET, DAEMONSET_MODE), (DISPATCHED, JOB_MODE | DISPATCHER)],
)
def test_each_mode_registers_exactly_its_resources(
    program: Program, config: dict[str, Any], own: dict[str, tuple[str, str]]
) -> None:
    run = program({**config, **ONE_SHIM})
    assert {
        name: resource.type_and_parent for name, resource in run.resources.items()
    } == COMMON | own


def test_rollout_comes_after_the_installation_and_that_after_what_cleaning_needs(
    program: Program,
) -> None:
    run = program({**JOB, **ONE_SHIM})
    needed = {
        "kata-deploy-preflight",
        "kata-deploy-node-rbac-service-account",
        "kata-deploy-node-rbac-cluster-role",
        "kata-deploy-node-rbac-cluster-role-binding",
        "kata-deploy-runtime-classes-kata-qemu",
        "kata-deploy-job-templates-config-map",
    }
    assert run.resources["kata-deploy-installation"].depends_on == needed
    assert run.resources["kata-deploy-rollout"].depends_on == {
        "kata-deploy-preflight",
        "kata-deploy-installation",
    }
    first, second = "kata-deploy-installation", "kata-deploy-rollout"
    assert run.order(second, first) == [first, second]


def test_a_component_that_is_depended_on_stands_for_every_object_below_it(
    program: Program,
) -> None:
    # Users' state holds these dependencies, and a destroy follows them backwards.
    in_job_mode = program({**DISPATCHED, **ONE_SHIM}).resources
    objects = {name for name, r in in_job_mode.items() if r.type.startswith("kubernetes:")}
    assert len(objects) == 10
    assert in_job_mode["kata-deploy-installation"].depends_on == objects | {"kata-deploy-preflight"}

    in_daemon_set_mode = program({**DAEMONSET, **ONE_SHIM}).resources
    daemon_set = in_daemon_set_mode["kata-deploy-daemon-set-installer-daemon-set"]
    rights = {"service-account", "cluster-role", "cluster-role-binding"}
    assert daemon_set.depends_on == {f"kata-deploy-node-rbac-{role}" for role in rights}


@pytest.mark.parametrize(
    "config", [JOB, DAEMONSET, DISPATCHED], ids=["job", "daemonset", "dispatched"]
)
def test_no_object_is_touched_before_the_guard_rails_have_spoken(
    program: Program, config: dict[str, Any]
) -> None:
    resources = program({**config, "monitor": {"enabled": True}}).resources
    on_cluster = [one for one in resources.values() if one.type.startswith("kubernetes:")]
    assert {one.provider for one in on_cluster} == {"kata-deploy-cluster"}
    ours = [one.name for one in resources.values() if one.type.startswith("pulumi-python:")]
    waiting = {"kata-deploy-cluster", *ours} - {"kata-deploy-preflight"}
    assert all("kata-deploy-preflight" in resources[name].depends_on for name in waiting)
    assert resources["kata-deploy-preflight"].depends_on == set()


@pytest.mark.parametrize("config", [JOB, DAEMONSET])
def test_guard_rails_get_manifests_to_compare_only_if_objects_may_be_adopted(
    program: Program, config: dict[str, Any]
) -> None:
    def contents(**rollout: str) -> Any:
        run = program({**config, **ONE_SHIM, "rollout": rollout})
        return run.resources["kata-deploy-preflight"].inputs.get("contents")

    assert contents() is None
    compared = json.loads(contents(existing="adopt"))
    kinds = {manifest["kind"] for manifest in compared.values()}
    of_mode = {"DaemonSet"} if config is DAEMONSET else set()
    assert kinds == {"ClusterRole", "ClusterRoleBinding", "RuntimeClass"} | of_mode


def test_rollout_gets_the_owner_of_the_installation(program: Program) -> None:
    inputs = program(JOB).resources["kata-deploy-rollout"].inputs
    assert inputs["stack"] == "kata-deploy/test"
    assert (inputs["installationId"], inputs["passed"]) == (
        "installation-1",
        {"clusterUid": "cluster-1"},
    )


def test_dispatcher_paces_both_ways_and_its_rights_outlive_the_installation(
    program: Program,
) -> None:
    run = program({**DISPATCHED, **ONE_SHIM})
    resources = run.resources
    assert (
        "kata-deploy-dispatcher-rbac-role-binding"
        in resources["kata-deploy-installation"].depends_on
    )
    install, cleanup = (
        yaml.safe_load(resources[f"kata-deploy-{name}"].inputs["dispatcherJob"])
        for name in ("rollout", "installation")
    )
    assert install["metadata"]["name"] == "kata-deploy-install-dispatcher"
    assert cleanup["metadata"]["name"] == "kata-deploy-cleanup-dispatcher"
    assert "batch/v1 jobs" not in str(resources["kata-deploy-installation"].inputs["objects"])


def test_objects_are_registered_through_the_provider_of_the_stacks_cluster(
    program: Program,
) -> None:
    config = {**JOB, "cluster": {"context": "prod", "kubeconfig": "/home/me/kubeconfig"}}
    cluster = program(config).resources["kata-deploy-cluster"]
    assert (cluster.inputs["context"], cluster.inputs["kubeconfig"]) == (
        "prod",
        "/home/me/kubeconfig",
    )


def test_provider_takes_over_what_a_killed_run_has_left(program: Program) -> None:
    inputs = program(JOB).resources["kata-deploy-cluster"].inputs
    assert {
        inputs[key]
        for key in ("upsertExistingObjects", "enablePatchForce", "enableConfigMapMutable")
    } == {"true"}


@pytest.mark.parametrize("config", [JOB, DAEMONSET])
def test_stack_outputs_are_mode_version_and_rollout(
    program: Program, config: dict[str, Any]
) -> None:
    outputs = program(config).outputs
    assert outputs["mode"] == config["deploymentMode"]
    assert outputs["kataVersion"] == "4.0.0"
    assert outputs.get("rollout") is None, (
        "no rollout has ended under mocks, and daemonset mode has none"
    )
    assert set(outputs) <= {"mode", "kataVersion", "rollout"}


def test_registrations_do_not_grow_with_the_fleet(program: Program) -> None:
    # Node names that the configuration gives are the only ones the program ever knows.
    run = program({**JOB, "job": {"nodes": ["node-one", "node-two"]}})
    naming = [
        name
        for name, resource in run.resources.items()
        if "node-one" in json.dumps(resource.inputs)
    ]
    assert naming == ["kata-deploy-rollout"]
    assert run.resources["kata-deploy-rollout"].inputs["nodes"] == ["node-one", "node-two"]


@pytest.mark.parametrize("secretive", ["kubeconfig", "/home/me"])
def test_nothing_of_the_kubeconfig_is_kept_in_our_own_resources(
    program: Program, secretive: str
) -> None:
    run = program({**JOB, "cluster": {"context": "prod", "kubeconfig": "/home/me/kubeconfig"}})
    ours = {
        name: r.inputs for name, r in run.resources.items() if r.type.startswith("pulumi-python:")
    }
    assert len(ours) == 3
    assert secretive not in json.dumps(ours)


@pytest.mark.parametrize("kind", ["Preflight", "Installation", "Rollout"])
def test_dynamic_resources_get_their_own_urn(program: Program, kind: str) -> None:
    name = f"kata-deploy-{kind.lower()}"
    resource = program(JOB).resources[name]
    assert resource.inputs["urn"] == resource.urn
    assert resource.urn == (
        f"urn:pulumi:test::kata-deploy::kata:index:KataDeploy$pulumi-python:dynamic/kata:{kind}::{name}"
    )


def test_wrong_configuration_ends_the_run_with_its_problems_and_no_traceback(
    program: Program,
) -> None:
    wrong = {**JOB, "job": {"paralelism": 5}, "rollout": {"maxFailures": -1}}
    with pytest.raises(pulumi.RunError) as caught:
        program(wrong)
    text = str(caught.value)
    assert text.startswith("2 problems in the stack configuration:\n")
    assert "job.paralelism: no such key at 4.0.0; did you mean parallelism?" in text
    assert "rollout.maxFailures: " in text
    assert "Traceback" not in text
    # The language host prints the text of a RunError alone, unless a cause is shown with it.
    assert caught.value.__suppress_context__
    assert "SettingsError" not in "".join(traceback.format_exception_only(caught.value))


def test_dynamic_resources_get_the_problems_of_architectures(program: Program) -> None:
    in_job_mode = program(JOB | ONE_SHIM).resources["kata-deploy-rollout"].inputs["architectures"]
    assert in_job_mode["amd64"].startswith(
        "defaultShim.amd64 is qemu-runtime-rs, which is not enabled for amd64"
    )
    in_daemon_set_mode = program(DAEMONSET | ONE_SHIM | {"nodeSelector": {"a": "b"}}).resources[
        "kata-deploy-preflight"
    ]
    assert in_daemon_set_mode.inputs["architectures"] == in_job_mode
    assert in_daemon_set_mode.inputs["selectors"] == ["a=b"]
    assert "architectures" not in program(DAEMONSET).resources["kata-deploy-preflight"].inputs
