"""What readers of our objects rely on, tested without the chart's renders."""

from typing import Any

import pytest
import yaml

from kata_components.manifests.builders import Manifest
from kata_components.manifests.daemon_set import daemon_set
from kata_components.manifests.job_templates import cleanup_job, config_map, install_job
from kata_components.manifests.objects import all_objects, reference
from kata_components.manifests.runtime_classes import runtime_classes
from kata_components.manifests.selector import install_selectors
from kata_components.manifests.yaml_text import yaml_text
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings


def settings(mode: str = "job", **values: Any) -> Settings:
    return load_settings(
        {"kataVersion": "4.0.0", "cluster": {"context": "c"}, "deploymentMode": mode, **values}
    )


def containers(job: Manifest) -> list[tuple[str, str, bool]]:
    pod = job["spec"]["template"]["spec"]
    return [
        (c["name"], c["command"][1], c["securityContext"]["privileged"])
        for c in pod["initContainers"] + pod["containers"]
    ]


@pytest.mark.parametrize(
    ("job", "selector"),
    [
        ({}, "!node-role.kubernetes.io/control-plane,!node-role.kubernetes.io/master"),
        ({"nodeSelectorExpressions": []}, ""),
        ({"nodeSelector": {"b": "2", "a": "1"}, "nodeSelectorExpressions": []}, "a=1,b=2"),
        (
            {
                "nodeSelector": {"pool": "kata"},
                "nodeSelectorExpressions": [
                    {"key": "zone", "operator": "In", "values": ["a", "b"]},
                    {"key": "state", "operator": "NotIn", "values": ["broken"]},
                    {"key": "metal", "operator": "Exists"},
                    {"key": "virtual", "operator": "DoesNotExist"},
                ],
            },
            "pool=kata,zone in (a,b),state notin (broken),metal,!virtual",
        ),
    ],
)
def test_selection_becomes_one_label_selector(job: dict[str, Any], selector: str) -> None:
    assert install_selectors(settings(job=job)) == list(filter(None, [selector]))


def test_install_stages_run_in_order_and_only_host_work_is_privileged() -> None:
    assert containers(install_job(settings())) == [
        ("host-check", "install-stage-host-check", True),
        ("artifacts", "install-stage-artifacts", True),
        ("cri", "install-stage-cri", True),
        ("label", "install-stage-label", False),
    ]


def test_cleanup_unlabels_before_it_touches_the_host() -> None:
    assert containers(cleanup_job(settings())) == [
        ("unlabel", "cleanup-stage-unlabel", False),
        ("revert-cri", "cleanup-stage-revert-cri", True),
        ("remove-artifacts", "cleanup-stage-remove-artifacts", True),
    ]


def test_config_map_holds_the_jobs_as_they_are() -> None:
    args = settings(
        tolerations=[
            {"key": "1e3", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 5}
        ]
    )
    data = config_map(args)["data"]
    assert yaml.safe_load(data["install-job.yaml"]) == install_job(args)
    assert yaml.safe_load(data["cleanup-job.yaml"]) == cleanup_job(args)
    assert "*id" not in data["install-job.yaml"]


@pytest.mark.parametrize(
    "text", ["1e3", "0o7", "4.0.0", "true", "no", "null", "", "~", ": x", "a: b", "2001-01-01"]
)
def test_text_stays_text_in_yaml(text: str) -> None:
    assert yaml.safe_load(yaml_text({"key": text})) == {"key": text}
    assert text[:1].isalpha() or f'"{text}"' in yaml_text({"key": text})


def test_disabled_probe_is_left_out() -> None:
    health = {"livenessProbe": {"enabled": False}, "startupProbe": {"initialDelaySeconds": 0}}
    container = daemon_set(settings("daemonset", health=health))["spec"]["template"]["spec"][
        "containers"
    ][0]
    assert "livenessProbe" not in container
    assert container["startupProbe"]["initialDelaySeconds"] == 0


def test_default_class_is_left_out_next_to_another_installation() -> None:
    asked = {"createDefault": True}
    assert "kata" in {
        m["metadata"]["name"] for m in runtime_classes(settings(runtimeClasses=asked))
    }
    with_suffix = runtime_classes(settings(runtimeClasses=asked, env={"multiInstallSuffix": "dev"}))
    assert all(m["metadata"]["name"].endswith("-dev") for m in with_suffix)


def test_job_mode_paced_by_pulumi_has_no_dispatcher() -> None:
    kinds = [m["kind"] for m in all_objects(settings()) if m["kind"] != "RuntimeClass"]
    assert kinds == ["ServiceAccount", "ClusterRole", "ClusterRoleBinding", "ConfigMap"]


def test_objects_are_created_anew_on_each_call() -> None:
    args = settings()
    install_job(args)["spec"]["template"]["spec"]["containers"].clear()
    assert len(install_job(args)["spec"]["template"]["spec"]["containers"]) == 1


def test_kubeadm_keeps_its_files_where_plain_kubernetes_does() -> None:
    for mode in ("job", "daemonset"):
        made, plain = (
            all_objects(settings(mode, k8sDistribution=name, monitor={"enabled": True}))
            for name in ("kubeadm", "k8s")
        )
        assert made == plain


def test_a_custom_class_is_cluster_scoped_whatever_its_text_says() -> None:
    text = (
        "apiVersion: node.k8s.io/v1\nkind: RuntimeClass\n"
        "metadata: {name: k, namespace: kata}\nhandler: k\n"
    )
    runtimes = {"enabled": True, "runtimes": {"k": {"baseConfig": "qemu", "runtimeClass": text}}}
    assert "node.k8s.io/v1 runtimeclasses  k" in map(
        reference, all_objects(settings(customRuntimes=runtimes))
    )
