"""What would harm an installed fleet is refused, and it stays as it is."""

import json
from typing import Any

import pytest

from sandbox.control_plane import ADMIN
from sandbox.kube import Kube
from tests.e2e.observe import Audit
from tests.e2e.stack import Stack
from tests.e2e.test_helm_migration import DAEMON_SET
from tests.e2e.test_refusals import refused

pytestmark = pytest.mark.e2e

TO_DAEMON_SET: dict[str, Any] = {"deploymentMode": "daemonset", "job": None, "rollout": None}


@pytest.fixture(scope="module")
def installed(shared_stack: Stack) -> Stack:
    up = shared_stack.up()
    assert up.ok, up.text
    return shared_stack


@pytest.fixture
def stack(installed: Stack) -> Stack:
    return installed.copy()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (TO_DAEMON_SET, "deploymentMode job → daemonset"),
        ({"env": {"multiInstallSuffix": "dev"}}, "suffix (none) → dev"),
        ({"nodeSelector": {"no": "such"}}, "24 nodes are installed by this stack"),
    ],
    ids=["mode", "suffix", "selection"],
)
def test_changes_that_would_orphan_it(
    stack: Stack, audit: Audit, change: dict[str, Any], words: str
) -> None:
    # The operator's role names this installation's objects: the API server would refuse others
    # before the guard rails do.
    stack.variables["KUBECONFIG"] = str(stack.cluster.kubeconfig_of(ADMIN))
    stack.configure(**change)
    refused(stack, audit, words, user=ADMIN)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (TO_DAEMON_SET, "deploymentMode job → daemonset"),
        ({"namespace": "default", "image": {"tag": "other"}}, "namespace kube-system → default"),
    ],
    ids=["mode", "namespace"],
)
def test_guard_rails_speak_without_a_preview_too(
    stack: Stack, kube: Kube, audit: Audit, change: dict[str, Any], words: str
) -> None:
    stack.configure(**change)
    run = stack.up()
    assert run.code != 0
    assert words in run.text
    assert (audit.writes(), audit.writes(ADMIN)) == ([], [])
    collection, _, name = DAEMON_SET.rpartition("/")
    assert name not in [item["metadata"]["name"] for item in kube.get(collection)["items"]]


def test_target_does_not_bypass_the_guard_rails(stack: Stack, audit: Audit) -> None:
    urns = [resource["urn"] for resource in json.loads(stack.state())["deployment"]["resources"]]
    [rollout] = [urn for urn in urns if "kata:Rollout::" in urn]
    assert stack.up("--target", rollout).ok
    stack.configure(namespace="default")
    run = stack.up("--target", rollout)
    assert run.code != 0
    assert "the guard rails have not checked a changed namespace: `--target`" in run.text
    assert audit.writes() == []


def test_another_cluster_under_the_same_stack(stack: Stack, audit: Audit) -> None:
    original = stack.state()
    exported = json.loads(original)
    [installation] = [
        r for r in exported["deployment"]["resources"] if "kata:Installation::" in r["urn"]
    ]
    installation["inputs"]["clusterUid"] = installation["outputs"]["clusterUid"] = "another-cluster"
    changed = stack.config_file.parent / "state.json"
    changed.write_text(json.dumps(exported))
    stack.run("stack", "import", "--file", str(changed), config=False)
    refused(stack, audit, "is a different cluster from the one this stack installed on")
    destroyed = stack.destroy()
    assert destroyed.code != 0
    assert "not the cluster the stack installed on" in destroyed.text
    assert audit.writes() == []
    changed.write_text(original)
    stack.run("stack", "import", "--file", str(changed), config=False)
