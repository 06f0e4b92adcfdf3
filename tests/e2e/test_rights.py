"""The operator's rights: all of them are used, and no others."""

from typing import Any

import pytest
import yaml

from kata_components import names
from sandbox.kube import Kube
from tests.e2e.observe import Audit, everything
from tests.e2e.stack import CHECKOUT, Stack

pytestmark = pytest.mark.e2e

APPLIED = {
    ("rbac.authorization.k8s.io", "clusterroles"),
    ("rbac.authorization.k8s.io", "clusterrolebindings"),
    ("node.k8s.io", "runtimeclasses"),
    ("apps", "daemonsets"),
    ("", "configmaps"),
    ("", "serviceaccounts"),
}
UNSEEN = {
    # Checked inside the API server, when a role is granted and when a patch creates its object.
    ("escalate", "rbac.authorization.k8s.io", "clusterroles"),
    ("bind", "rbac.authorization.k8s.io", "clusterroles"),
    *(("create", *kind) for kind in APPLIED),
    # Only needed if a failed container left no termination message; simulated ones always do.
    ("get", "", "pods/log"),
}
ANYBODY = {("create", "authorization.k8s.io", "selfsubjectaccessreviews")}
"""Every authenticated identity may ask for its own rights."""


def granted(
    file: str = "operator-rbac.yaml", *, options: bool = False
) -> set[tuple[str, str, str]]:
    """Return verb, API group and resource of the rights that are always needed, or for options."""
    documents = yaml.safe_load_all((CHECKOUT / "docs" / file).read_text())
    chosen = [
        document
        for document in documents
        if document["metadata"]["name"].endswith("-options") == options
    ]
    return rights([rule for document in chosen for rule in document.get("rules", [])])


def rights(rules: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return verb, API group and resource of all that rules of RBAC grant."""
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_what_is_granted_is_what_is_used(stack: Stack, kube: Kube, audit: Audit) -> None:
    before = everything(kube)
    job_mode(stack)
    daemonset_mode(stack, kube)
    assert everything(kube) == before

    used = audit.used()
    assert used - ANYBODY - granted() == set()
    assert granted() - used - UNSEEN == set()
    assert audit.refused() == []


def job_mode(stack: Stack) -> None:
    stack.configure(job={"backoffLimit": 0})
    stack.cluster.behave("worker-0001", fail="cri")
    assert stack.up().code != 0
    stack.cluster.behave("worker-0001", fail=None)
    stack.configure(job={"parallelism": 8}, priorityClassName="system-cluster-critical")
    assert stack.up().ok
    assert stack.destroy().ok


def daemonset_mode(stack: Stack, kube: Kube) -> None:
    """A pod stays on every node; changes that restart it are announced."""
    # All pods at once: one after the other would take minutes.
    at_once = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}
    stack.configure(deploymentMode="daemonset", job=None, rollout=None, updateStrategy=at_once)
    up = stack.up()
    assert up.ok, up.text
    nodes = labelled(kube)
    assert nodes >= set(stack.cluster.workers())
    assert stack.outputs()["mode"] == "daemonset"

    stack.configure(resources={"requests": {"cpu": "30m"}}, debug=True)
    changed = stack.up()
    assert changed.ok, changed.text
    assert f"restarts the pods of DaemonSet kata-deploy on {len(nodes)} nodes" in changed.text
    destroyed = stack.destroy()
    assert destroyed.ok, destroyed.text
    assert labelled(kube) == set()


def labelled(kube: Kube) -> set[str]:
    found = kube.get("/api/v1/nodes", labelSelector=names.RUNTIME_LABEL)["items"]
    return {node["metadata"]["name"] for node in found}


def test_the_rights_the_audit_log_cannot_show_are_needed(stack: Stack, kube: Kube) -> None:
    # Where the Jobs of the nodes have rights of their own.
    stack.configure(kataVersion="4.0.0")
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kata-deploy-operator"
    rules = kube.get(path)["rules"]
    try:
        for verb in ("escalate", "bind"):
            less = [{**rule, "verbs": [v for v in rule["verbs"] if v != verb]} for rule in rules]
            kube.merge(path, {"rules": less})
            up = stack.up()
            assert up.code != 0, verb
            assert "forbidden" in up.text
    finally:
        kube.merge(path, {"rules": rules})
