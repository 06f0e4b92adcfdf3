"""A component registers exactly its manifests, as its children, through the given provider."""

from collections.abc import Callable
from typing import Any

import pulumi
import pytest
import yaml
from msgspec import structs

from kata_components.components import tokens
from kata_components.components.custom_runtimes import CustomRuntimes
from kata_components.components.daemon_set_installer import (
    DaemonSetInstaller,
    DaemonSetInstallerArgs,
)
from kata_components.components.dispatcher_hook import DispatcherHook
from kata_components.components.inputs import installation_inputs, preflight_inputs, rollout_inputs
from kata_components.components.job_templates import JobTemplates
from kata_components.components.manifest_component import ManifestComponent
from kata_components.components.monitor import Monitor
from kata_components.components.mounted_configs import MountedConfigs
from kata_components.components.node_feature_rules import NodeFeatureRules, NodeFeatureRulesArgs
from kata_components.components.node_rbac import NodeRbac
from kata_components.components.runtime_classes import RuntimeClasses
from kata_components.components.state import State
from kata_components.components.verification import Verification, VerificationArgs
from kata_components.manifests.objects import all_objects
from kata_components.names import DIGEST_ANNOTATION, RUNTIME_LABEL, instance_label
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings
from tests.components.recorder import Recorder, run, stack_of

BOTH_LABELS = (RUNTIME_LABEL, instance_label(""))


def settings(mode: str, **values: object) -> Settings:
    return load_settings(
        {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": mode, **values}
    )


def job_mode(args: Settings, opts: pulumi.ResourceOptions) -> list[ManifestComponent]:
    return [
        NodeRbac("rbac", args, opts),
        JobTemplates("templates", args, opts),
        RuntimeClasses("classes", args, opts),
    ]


def daemonset_mode(args: Settings, opts: pulumi.ResourceOptions) -> list[ManifestComponent]:
    rbac = NodeRbac("rbac", args, opts)
    needs = DaemonSetInstallerArgs(settings=args, needs=[rbac])
    return [
        rbac,
        DaemonSetInstaller("installer", needs, opts),
        RuntimeClasses("classes", args, opts),
    ]


def objects(recorder: Recorder) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [resource.inputs for resource in recorder.kubernetes_objects()]
    assert {stack_of(manifest) for manifest in found} == {"kata-deploy/test"}
    return found


def by_identity(manifests: list[dict[str, Any]]) -> dict[tuple[str, str], dict[str, Any]]:
    return {(m["kind"], m["metadata"]["name"]): m for m in manifests}


@pytest.mark.parametrize(("mode", "program"), [("job", job_mode), ("daemonset", daemonset_mode)])
def test_each_mode_registers_exactly_its_objects(
    mode: str, program: Callable[[Settings, pulumi.ResourceOptions], object], recorder: Recorder
) -> None:
    args = settings(mode)
    run(lambda opts: program(args, opts))
    assert by_identity(objects(recorder)) == by_identity(all_objects(args))


def test_children_use_the_provider_given_to_the_component(recorder: Recorder) -> None:
    run(lambda opts: job_mode(settings("job"), opts))
    children = recorder.kubernetes_objects()
    assert len(children) == 28
    assert {(r.provider or "").split("::")[-2] for r in children} == {"cluster"}


def test_logical_names_are_stable(recorder: Recorder) -> None:
    run(
        lambda opts: job_mode(
            settings("job", shims={"disableAll": True, "qemu": {"enabled": True}}), opts
        )
    )
    assert set(recorder.resources) == {
        "cluster",
        "rbac",
        "rbac-service-account",
        "rbac-cluster-role",
        "rbac-cluster-role-binding",
        "templates",
        "templates-config-map",
        "classes",
        "classes-kata-qemu",
    }


def test_dispatcher_jobs_are_inputs_as_the_chart_has_them() -> None:
    args = settings("job", rollout={"runsIn": "cluster"})
    paced = (rollout_inputs(args), installation_inputs(args))
    jobs = [yaml.safe_load(inputs.dispatcher_job or "") for inputs in paced]
    assert [job["metadata"]["name"] for job in jobs] == [
        "kata-deploy-install-dispatcher",
        "kata-deploy-cleanup-dispatcher",
    ]
    everything = by_identity(all_objects(args))
    assert all(everything["Job", job["metadata"]["name"]] == job for job in jobs)


def test_dispatcher_hook_registers_the_rights(recorder: Recorder) -> None:
    args = settings("job", rollout={"runsIn": "cluster"})
    run(lambda opts: DispatcherHook("dispatcher", args, opts))
    assert set(recorder.resources) - {"cluster"} == {
        "dispatcher",
        "dispatcher-rbac",
        "dispatcher-rbac-service-account",
        "dispatcher-rbac-cluster-role",
        "dispatcher-rbac-cluster-role-binding",
        "dispatcher-rbac-role",
        "dispatcher-rbac-role-binding",
    }
    assert {(r.provider or "").split("::")[-2] for r in recorder.kubernetes_objects()} == {
        "cluster"
    }


def test_optional_components_register_their_objects_only_if_enabled(
    recorder: Recorder,
) -> None:
    asked = settings(
        "daemonset",
        containerd={"userDropIn": "a = 1"},
        shims={"disableAll": True, "qemu": {"enabled": True, "dropIn": "b = 1"}},
        monitor={"enabled": True},
    )

    def program(opts: pulumi.ResourceOptions) -> None:
        for name, args in (("asked", asked), ("not-asked", settings("daemonset"))):
            Monitor(f"{name}-monitor", args, opts)
            MountedConfigs(f"{name}-configs", args, opts)
            State(f"{name}-state", args, opts)
            CustomRuntimes(f"{name}-custom-runtimes", args, opts)

    run(program)
    assert {r.name for r in recorder.kubernetes_objects()} == {
        "asked-monitor-daemon-set",
        "asked-configs-kata-deploy-containerd-user-dropin",
        "asked-configs-kata-deploy-custom-configs",
    }


def test_rule_object_is_a_custom_resource(recorder: Recorder) -> None:
    config = {
        "kataVersion": "4.1.0",
        "cluster": {"context": "c"},
        "nodeFeatureRules": {"create": True},
    }
    wanted = NodeFeatureRulesArgs(settings=load_settings(config), needs=[])
    run(lambda opts: NodeFeatureRules("rules", wanted, opts))
    (rule,) = recorder.kubernetes_objects()
    assert (rule.name, rule.typ) == (
        "rules-node-feature-rule",
        "kubernetes:nfd.k8s-sigs.io/v1alpha1:NodeFeatureRule",
    )
    assert [one["name"] for one in rule.inputs["spec"]["rules"]] == ["amd.sev-snp", "intel.tdx"]


def test_verification_is_another_job_when_what_it_verifies_changes(recorder: Recorder) -> None:
    pod = {
        "pod": "apiVersion: v1\nkind: Pod\n"
        "metadata: {name: check}\nspec: {containers: [{name: a}]}\n"
    }
    variants = {
        "a": settings("job", verification=pod),
        "same": settings("job", verification=pod, rollout={"maxFailures": 9}),
        "installed": settings("job", verification=pod, debug=True),
        "file": settings("job", verification=pod, containerd={"userDropIn": "a = 1"}),
        "pod": settings("job", verification={"pod": pod["pod"] + "# changed"}),
    }

    def program(opts: pulumi.ResourceOptions) -> None:
        for name, args in variants.items():
            Verification(name, VerificationArgs(settings=args, needs=[]), opts)

    run(program)
    digests = {
        n: recorder.resources[f"{n}-job"].inputs["metadata"]["annotations"][DIGEST_ANNOTATION]
        for n in variants
    }
    assert digests["a"] == digests["same"]
    assert len(set(digests.values())) == 4


@pytest.mark.parametrize(
    ("version", "demanded"),
    [("4.0.0", ((RUNTIME_LABEL,), (), 0)), ("4.1.0", (BOTH_LABELS, ("a:NoSchedule",), 60))],
)
def test_what_jobs_without_a_token_leave_to_the_runner_is_demanded_of_nodes(
    version: str, demanded: tuple[object, ...]
) -> None:
    job = {"waitNodeReadySeconds": 60} if version == "4.1.0" else {}
    args = settings(
        "job",
        kataVersion=version,
        job=job,
        startupTaints=["a:NoSchedule"],
        tolerations=[{"key": "a", "operator": "Exists"}],
        rollout={"runsIn": "cluster"},
    )
    demands = rollout_inputs(args).demands
    assert (demands.labels, demands.startup_taints, demands.ready_seconds) == demanded


@pytest.mark.parametrize(
    ("version", "mode", "label"),
    [
        ("4.0.0", "job", None),
        ("4.1.0", "job", instance_label("b")),
        ("4.1.0", "daemonset", None),
    ],
)
def test_label_that_nodes_need_ahead_of_an_upgrade_is_that_of_job_mode(
    version: str, mode: str, label: str | None
) -> None:
    rollout = {"runsIn": "cluster"} if mode == "job" else {}
    env = {"multiInstallSuffix": "b"}
    args = settings(mode, kataVersion=version, env=env, rollout=rollout)
    assert preflight_inputs(args).instance_label == label


@pytest.mark.parametrize(("version", "heeded"), [("4.0.0", False), ("4.1.0", True)])
def test_jobs_without_a_token_heed_taints_whoever_paces_them(version: str, heeded: bool) -> None:
    args = settings("job", kataVersion=version, rollout={"runsIn": "cluster"})
    by_dispatcher = rollout_inputs(args)
    by_us = structs.replace(by_dispatcher, dispatcher_job=None)
    for inputs in (by_dispatcher, by_us):
        assert (inputs.request.rules().tolerations is not None) is heeded


def test_type_tokens_belong_to_one_package() -> None:
    values = [value for name, value in vars(tokens).items() if name.isupper()]
    assert len(values) == len(set(values)) == 15
    assert all(value.startswith("kata:index:") for value in values)
