"""Refusals: one clear message, an exit code other than 0, and nothing is written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from sandbox.control_plane import OPERATOR
from sandbox.kube import Kube
from tests.e2e.conftest import fresh_fleet
from tests.e2e.observe import Audit
from tests.e2e.stack import NAME, Stack

pytestmark = pytest.mark.e2e


@pytest.fixture
def stack(shared_stack: Stack) -> Stack:
    return shared_stack.copy()


def refused(stack: Stack, audit: Audit, *words: str, user: str = OPERATOR) -> None:
    run = stack.run("up", "--yes")
    assert run.code != 0, run.text
    assert "Previewing update" in run.text
    assert "Updating" not in run.text
    for word in words:
        assert word in run.text
    assert "Traceback" not in run.text
    assert audit.writes(user) == []


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {
                "job": {"paralelism": 5, "parallelism": "many"},
                "cluster": {"context": None},
            },
            ("job.paralelism", "job.parallelism", "many", "cluster.context"),
        ),
        ({"cluster": {"context": "elsewhere"}}, ("elsewhere", f"kwok-kata-deploy-{NAME}")),
        (
            {"namespace": "not-there"},
            ("namespace not-there does not exist", "kubectl create namespace"),
        ),
        ({"job": {"nodes": ["worker-0001", "worker-x"]}}, ("job.nodes names worker-x",)),
    ],
    ids=["typo-type-no-context", "unknown-context", "no-namespace", "unknown-node"],
)
def test_a_bad_configuration(
    stack: Stack, audit: Audit, change: dict[str, Any], words: tuple[str, ...]
) -> None:
    stack.configure(**change)
    refused(stack, audit, *words)


def with_kubeconfig(stack: Stack, change: Callable[[dict[str, Any]], None]) -> None:
    config = yaml.safe_load(Path(stack.variables["KUBECONFIG"]).read_text())
    change(config)
    broken = stack.config_file.parent / "kubeconfig"
    broken.write_text(yaml.safe_dump(config))
    stack.variables["KUBECONFIG"] = str(broken)


def test_an_api_server_that_is_down(stack: Stack, audit: Audit) -> None:
    def nobody_there(config: dict[str, Any]) -> None:
        config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:9"

    with_kubeconfig(stack, nobody_there)
    refused(stack, audit, "https://127.0.0.1:9", stack.cluster.context)


def test_a_credential_that_expired(stack: Stack, audit: Audit) -> None:
    def expired(config: dict[str, Any]) -> None:
        config["users"][0]["user"] = {"token": "expired"}

    with_kubeconfig(stack, expired)
    refused(stack, audit, stack.cluster.context, "log in")


@pytest.mark.parametrize(
    ("kind", "resource", "word"),
    [("clusterroles", "nodes", "nodes"), ("namespaces/kube-system/roles", "jobs", "jobs")],
)
def test_a_missing_right(
    stack: Stack, audit: Audit, kube: Kube, *, kind: str, resource: str, word: str
) -> None:
    path = f"/apis/rbac.authorization.k8s.io/v1/{kind}/kata-deploy-operator"
    role = kube.get(path)
    less = [rule for rule in role["rules"] if resource not in rule["resources"]]
    if resource == "jobs":
        less.append({"apiGroups": ["batch"], "resources": ["jobs"], "verbs": ["list", "watch"]})
    kube.merge(path, {"rules": less})
    try:
        refused(stack, audit, word)
    finally:
        kube.merge(path, {"rules": role["rules"]})


def test_nodes_and_objects_of_a_helm_release(stack: Stack, kube: Kube, audit: Audit) -> None:
    stack.cluster.add_kata(["worker-0001"])
    refused(stack, audit, "1 node is labelled", "worker-0001", "rollout.existing: adopt")
    fresh_fleet(stack.cluster)

    classes = "/apis/node.k8s.io/v1/runtimeclasses"
    helm = {"meta.helm.sh/release-name": "kata", "meta.helm.sh/release-namespace": "kube-system"}
    metadata = {"name": "kata-qemu", "annotations": helm}
    kube.create(classes, {"metadata": metadata, "handler": "kata-qemu"})
    refused(stack, audit, "belongs to the Helm release", "kata-qemu", "rollout.existing adopt")
    kube.delete(f"{classes}/kata-qemu")
