"""The operator's rights: all of them are used, and no others."""

import pytest
import yaml

from sandbox.cluster import Cluster
from sandbox.kube import Kube
from tests.e2e.observe import Audit
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
    rules = [rule for document in chosen for rule in document.get("rules", [])]
    return {
        (verb, group, resource)
        for rule in rules
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
    }


def test_what_is_granted_is_what_is_used(stack: Stack, cluster: Cluster, audit: Audit) -> None:
    stack.configure(kataVersion="4.1.0", job={"backoffLimit": 0}, rollout={"waves": []})
    cluster.behave("worker-0001", fail="cri")
    assert stack.up().code != 0
    cluster.behave("worker-0001", fail=None)
    stack.configure(job={"parallelism": 8}, priorityClassName="system-cluster-critical")
    assert stack.up().ok
    assert stack.destroy().ok
    # All pods at once: one after the other would take minutes.
    at_once = {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "100%"}}
    stack.configure(deploymentMode="daemonset", job=None, rollout=None, updateStrategy=at_once)
    assert stack.up().ok
    stack.configure(resources={"requests": {"cpu": "30m"}}, debug=True)
    assert stack.up().ok
    assert stack.destroy().ok

    used = audit.used()
    assert used - ANYBODY - granted() == set()
    assert granted() - used - UNSEEN == set()
    refused = [e for e in audit.requests() if e["responseStatus"]["code"] == 403]
    assert refused == []


@pytest.mark.parametrize("verb", ["escalate", "bind"])
def test_the_rights_the_audit_log_cannot_show_are_needed(
    stack: Stack, kube: Kube, verb: str
) -> None:
    path = "/apis/rbac.authorization.k8s.io/v1/clusterroles/kata-deploy-operator"
    role = kube.get(path)
    less = [{**rule, "verbs": [v for v in rule["verbs"] if v != verb]} for rule in role["rules"]]
    kube.merge(path, {"rules": less})
    try:
        up = stack.up()
        assert up.code != 0
        assert "forbidden" in up.text
    finally:
        kube.merge(path, {"rules": role["rules"]})
