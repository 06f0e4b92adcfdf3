"""The program registers exactly the objects of the manifests, in an order that works."""

import json
import time
from typing import Any

import pytest

from kata_components import names
from kata_components.manifests.objects import all_objects
from kata_components.settings.load import load_settings
from kata_components.settings.profile import SUPPORTED_VERSIONS
from kata_components.settings.settings import Settings
from tests.components.recorder import stack_of
from tests.program.conftest import Program
from tests.program.run import Run

RUNTIME_CLASS = """
apiVersion: node.k8s.io/v1
kind: RuntimeClass
metadata: {name: kata-mine}
handler: kata-mine
"""
POD = """
apiVersion: v1
kind: Pod
metadata: {name: kata-check}
spec: {runtimeClassName: kata-qemu, containers: [{name: a, image: b}]}
"""
EVERYTHING = {
    "cluster": {"context": "c"},
    "shims": {
        "disableAll": True,
        "qemu": {"enabled": True, "dropIn": "x = 1"},
        "qemu-snp": {"enabled": True},
    },
    "containerd": {"userDropIn": "y = 2"},
    "customRuntimes": {
        "enabled": True,
        "runtimes": {"mine": {"baseConfig": "qemu", "runtimeClass": RUNTIME_CLASS}},
    },
    "monitor": {"enabled": True},
    "verification": {"pod": POD},
    "runtimeClasses": {"createDefault": True},
    "defaultShim": {"amd64": "qemu"},
}
CONFIGS = {
    "4.0.0-daemonset": EVERYTHING | {"kataVersion": "4.0.0"},
    "4.0.0-job": EVERYTHING | {"kataVersion": "4.0.0", "deploymentMode": "job"},
    "4.1.0-daemonset": EVERYTHING
    | {"kataVersion": "4.1.0", "debug": True, "devkit": True, "nodeFeatureRules": {"create": True}},
    "4.1.0-job": EVERYTHING | {"kataVersion": "4.1.0", "deploymentMode": "job"},
    "4.1.0-job-in-cluster": EVERYTHING
    | {"kataVersion": "4.1.0", "deploymentMode": "job", "rollout": {"runsIn": "cluster"}},
    "4.2.0-daemonset": EVERYTHING
    | {
        "kataVersion": "4.2.0",
        "monitor": {"enabled": True, "tls": {"secretName": "monitor"}},
        "nodeFeatureRules": {"create": True},
    },
    "4.2.0-job-in-cluster": EVERYTHING
    | {
        "kataVersion": "4.2.0",
        "deploymentMode": "job",
        "rollout": {"runsIn": "cluster"},
        "job": {"reconcile": {"enabled": True}},
    },
}
NFD = "kata-deploy-node-feature-discovery-chart"


def identity(manifest: dict[str, Any]) -> tuple[str, str]:
    return manifest["kind"], manifest["metadata"]["name"]


def of_pulumi(settings: Settings) -> list[dict[str, Any]]:
    """Return the objects that are Pulumi resources: all but the Jobs of a dispatcher."""
    labelled = (
        (manifest, manifest["metadata"].get("labels", {})) for manifest in all_objects(settings)
    )
    return [
        manifest
        for manifest, labels in labelled
        if manifest["kind"] != "Job" or names.DISPATCHER_LABEL not in labels
    ]


def registered(run: Run) -> dict[tuple[str, str], Any]:
    """Return the objects as in the manifests: without the annotation with the stack's name."""
    found = [
        r.inputs
        for r in run.resources.values()
        if r.type.startswith("kubernetes:") and "kind" in r.inputs
    ]
    assert len({identity(manifest) for manifest in found}) == len(found)
    assert {stack_of(manifest) for manifest in found} == {"kata-deploy/test"}
    return {identity(manifest): manifest for manifest in found}


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_program_registers_exactly_the_objects_of_the_manifests(
    program: Program, config: dict[str, Any]
) -> None:
    objects = {identity(manifest): manifest for manifest in of_pulumi(load_settings(config))}
    assert len({kind for kind, _ in objects}) >= 7
    found = registered(program(config))
    for manifest in (*objects.values(), *found.values()):
        if manifest["kind"] == "CronJob":
            # As for the Jobs of other dispatchers, the flags are not the chart's.
            del manifest["spec"]["jobTemplate"]
    assert found == objects


def test_a_destroy_deletes_the_cron_job_before_nodes_are_cleaned(program: Program) -> None:
    run = program(CONFIGS["4.2.0-job-in-cluster"])
    cron_job = run.resources["kata-deploy-reconcile-cron-job"]
    assert "kata-deploy-installation" in cron_job.depends_on
    assert "kata-deploy-reconcile-cron-job" in run.resources["kata-deploy-rollout"].depends_on
    assert run.resources["kata-deploy-rollout"].inputs["cronJob"] == "kata-deploy-reconcile"


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_pods_say_nothing_of_the_stack_since_that_would_restart_them(
    program: Program, config: dict[str, Any]
) -> None:
    for resource in program(config).resources.values():
        assert names.STACK_ANNOTATION not in json.dumps(resource.inputs.get("spec", {}))


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_pods_on_nodes_come_after_the_configs_they_mount(
    program: Program, config: dict[str, Any]
) -> None:
    run = program(config)
    configs = {name for name in run.resources if name.startswith("kata-deploy-mounted-configs-")}
    assert len(configs) == 2
    assert configs <= run.resources["kata-deploy-installation"].depends_on
    if config == CONFIGS["4.1.0-daemonset"]:
        assert configs <= run.resources["kata-deploy-daemon-set-installer-daemon-set"].depends_on


@pytest.mark.parametrize(
    ("config", "installed"),
    [
        ("4.0.0-job", "kata-deploy-rollout"),
        ("4.1.0-job", "kata-deploy-rollout"),
        ("4.1.0-job-in-cluster", "kata-deploy-rollout"),
        ("4.0.0-daemonset", "kata-deploy-daemon-set-installer-daemon-set"),
        ("4.1.0-daemonset", "kata-deploy-daemon-set-installer-daemon-set"),
    ],
)
def test_verification_runs_after_the_installation_with_its_rights(
    program: Program, config: str, installed: str
) -> None:
    run = program(CONFIGS[config])
    job = run.resources["kata-deploy-verification-job"]
    assert installed in job.depends_on
    # By whatever changes: an update, such as that to a stack's new name, would fail once the Job is
    # gone.
    assert job.inputs["spec"]["ttlSecondsAfterFinished"]
    assert job.replace_on_changes == ("metadata", "spec")
    assert {
        "kata-deploy-verification-service-account",
        "kata-deploy-verification-cluster-role",
        "kata-deploy-verification-cluster-role-binding",
        "kata-deploy-verification-config-map",
    } <= job.depends_on


def test_rollout_gets_fingerprints_of_files_and_none_without_files(program: Program) -> None:
    def mounted(drop_in: str) -> Any:
        config = {
            **CONFIGS["4.0.0-job"],
            "containerd": {"userDropIn": drop_in},
            "customRuntimes": {"enabled": False},
        }
        config["shims"] = {"disableAll": True, "qemu": {"enabled": True}}
        return program(config).resources["kata-deploy-rollout"].inputs.get("mounted")

    one, other = mounted("a = 1"), mounted("a = 2")
    assert one.keys() == other.keys() == {"kata-deploy-containerd-user-dropin"}
    assert one != other
    assert len(json.dumps(one)) < 120
    assert mounted("") is None


def test_node_feature_discovery_is_its_own_chart_with_its_own_values(program: Program) -> None:
    config = {**CONFIGS["4.1.0-daemonset"], "nodeFeatureRules": {"create": "auto"}}
    nfd = {"enabled": True, "worker": {"tolerations": [{"operator": "Exists"}]}}
    run = program({**config, "node-feature-discovery": nfd})
    chart = run.resources[NFD]
    assert chart.type == "kubernetes:helm.sh/v4:Chart"
    assert chart.inputs["values"] == {
        "postDeleteCleanup": False,
        "worker": {"tolerations": [{"operator": "Exists"}]},
    }
    assert (chart.inputs["chart"], chart.inputs["version"]) == ("node-feature-discovery", "0.19.0")
    assert (chart.inputs["name"], chart.inputs["namespace"]) == ("kata-deploy", "kube-system")
    assert NFD in run.resources["kata-deploy-node-feature-rules-node-feature-rule"].depends_on
    assert NFD in run.resources["kata-deploy-installation"].depends_on
    assert chart.provider == "kata-deploy-cluster"
    assert NFD not in program(config).resources


@pytest.mark.parametrize("version", SUPPORTED_VERSIONS)
def test_whole_program_is_quick_with_default_values(program: Program, version: str) -> None:
    began = time.process_time()
    run = program({"kataVersion": version, "cluster": {"context": "c"}})
    assert time.process_time() - began < 2, (
        "seconds of processor time; the machine may be busy with other things"
    )
    assert len(run.resources) > 30


def test_rollout_gets_each_term_of_an_affinity_as_a_selector(program: Program) -> None:
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in ("kvm", "metal")]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    config = {
        **CONFIGS["4.1.0-job-in-cluster"],
        "nodeSelector": {"pool": "kata"},
        "affinity": {"nodeAffinity": required},
    }
    rollout = program(config).resources["kata-deploy-rollout"].inputs
    assert rollout["selectors"] == ["pool=kata,kvm", "pool=kata,metal"]
    assert "--node-label=true" in rollout["dispatcherJob"]


def test_jobs_without_a_token_need_neither_dispatcher_nor_rights(program: Program) -> None:
    run = program(CONFIGS["4.1.0-job"])
    found = registered(run)
    kinds = {kind for kind, _ in found} - {"ConfigMap", "RuntimeClass", "DaemonSet"}
    assert kinds == {"Job", "ServiceAccount", "ClusterRole", "ClusterRoleBinding"}
    assert all("verif" in name for kind, name in found if kind in kinds)
    assert not any("dispatcher" in name for name in run.resources)
    rollout = run.resources["kata-deploy-rollout"].inputs
    assert "dispatcherJob" not in rollout
    assert "dispatcherJob" not in run.resources["kata-deploy-installation"].inputs
    selectors = [
        manifest["scheduling"]["nodeSelector"]
        for (kind, _), manifest in found.items()
        if kind == "RuntimeClass" and manifest["metadata"]["name"] != "kata-mine"
    ]
    assert selectors
    labels = dict.fromkeys(rollout["demands"]["labels"], "true")
    assert len(labels) == 2
    assert all(labels.items() <= selector.items() for selector in selectors)
