"""What the double of the dispatcher does to nodes, as the program does from 4.1.0 on."""

from typing import Any

import pytest

from sandbox.dispatcher.arguments import Arguments, parse
from sandbox.dispatcher.errors import NodeError
from sandbox.dispatcher.labels import Labels
from sandbox.dispatcher.node_work import NodeWork
from sandbox.dispatcher.selection import Selection
from sandbox.dispatcher.taints import without
from sandbox.errors import SandboxError
from sandbox.kube import Kube

SHARED = "katacontainers.io/kata-runtime"
OWN, OTHER = "kata-deploy.katacontainers.io/default", "kata-deploy.katacontainers.io/other"
NEEDED = ["--job-template=t.yaml", "--name-prefix=p", "--poll-interval-secs=0"]
TEMPLATE: dict[str, Any] = {"spec": {"template": {"spec": {}}}}
TAINT = {"key": "gpu", "effect": "NoSchedule"}


OF_4_1, OF_4_2 = "kata-deploy-job-dispatcher:4.1.0", "k8s-job-dispatcher:0.3.0"


def parsed(*flags: str, program: str = OF_4_1) -> Arguments:
    return parse([*NEEDED, *flags], program)


class OneNode(Kube):
    """An API server with one node, which is in every list."""

    def __init__(
        self, labels: dict[str, str] | None = None, taints: list[dict[str, str]] | None = None
    ) -> None:
        self.node: dict[str, Any] = {
            "metadata": {"name": "a", "uid": "1", "resourceVersion": "1", "labels": labels or {}},
            "spec": {"taints": taints or []},
            "status": {
                "nodeInfo": {"containerRuntimeVersion": "containerd://2", "machineID": "m"},
                "conditions": [{"type": "Ready", "status": "True"}],
            },
        }
        self.lists = 0

    def get(self, path: str, **_params: str) -> dict[str, Any]:
        if path.endswith("/nodes"):
            self.lists += 1
            return {"items": [self.node], "metadata": {}}
        return self.node

    def merge(self, path: str, patch: dict[str, Any]) -> dict[str, Any]:
        assert path == "/api/v1/nodes/a"
        assert patch["metadata"]["resourceVersion"] == "1"
        changed = self.node["metadata"]["labels"] | patch["metadata"].get("labels", {})
        labels = {key: value for key, value in changed.items() if value is not None}
        self.node = {
            **self.node,
            "metadata": {**self.node["metadata"], "labels": labels},
            "spec": self.node["spec"] | patch.get("spec", {}),
        }
        return self.node

    @property
    def labels(self) -> dict[str, str]:
        found: dict[str, str] = self.node["metadata"]["labels"]
        return found


@pytest.mark.parametrize(
    ("change", "before", "after"),
    [
        ("claim", {}, {SHARED: "false", OWN: "false"}),
        ("claim", {SHARED: "true"}, {SHARED: "true", OWN: "false"}),
        ("claim", {SHARED: "true", OWN: "true"}, {SHARED: "true", OWN: "true"}),
        ("demote", {SHARED: "true", OWN: "true"}, {SHARED: "false", OWN: "false"}),
        (
            "demote",
            {SHARED: "true", OWN: "true", OTHER: "true"},
            {SHARED: "true", OWN: "false", OTHER: "true"},
        ),
        ("demote", {SHARED: "true"}, {SHARED: "false"}),
        ("demote", {}, {}),
        ("release", {SHARED: "false", OWN: "false"}, {}),
        ("release", {SHARED: "true", OWN: "false", OTHER: "true"}, {SHARED: "true", OTHER: "true"}),
        (
            "release",
            {SHARED: "true", OWN: "false", OTHER: "false"},
            {SHARED: "false", OTHER: "false"},
        ),
    ],
)
def test_labels_of_two_installations(
    change: str, before: dict[str, str], after: dict[str, str]
) -> None:
    kube = OneNode(before)
    getattr(Labels(kube, parsed()), change)(kube.node)
    assert kube.labels == after


def test_node_of_another_uid_is_not_touched() -> None:
    kube = OneNode()
    before = {**kube.node, "metadata": {**kube.node["metadata"], "uid": "2"}}
    with pytest.raises(NodeError, match="has been replaced by another node"):
        Labels(kube, parsed()).claim(before)
    assert kube.labels == {}


def work(kube: Kube, *flags: str, program: str = OF_4_1) -> NodeWork:
    return NodeWork(kube, parsed(*flags, program=program), TEMPLATE)


def test_job_gets_what_the_node_reports_about_itself() -> None:
    assert work(OneNode()).prepare(OneNode().node) == {
        "CONTAINER_RUNTIME_VERSION": "containerd://2",
        "KATA_DEPLOY_NODE_MACHINE_ID": "m",
    }


def test_generic_program_names_the_machine_id_otherwise_and_demands_it_only_if_told() -> None:
    kube = OneNode()
    told = {"CONTAINER_RUNTIME_VERSION": "containerd://2", "NODE_MACHINE_ID": "m"}
    assert work(kube, program=OF_4_2).prepare(kube.node) == told
    del kube.node["status"]["nodeInfo"]["machineID"]
    del told["NODE_MACHINE_ID"]
    assert work(kube, program=OF_4_2).prepare(kube.node) == told
    with pytest.raises(NodeError, match="does not report its machine ID"):
        work(kube, "--require-node-machine-id", program=OF_4_2).prepare(kube.node)


def test_satisfied_node_has_the_labels_and_serves_a_handler() -> None:
    flags = ["--node-label-key=k", "--instance-label-prefix=p", "--node-label=true"]
    covering = [*flags, "--require-node-handlers=kata-qemu", "--skip-satisfied-nodes"]
    kube = OneNode({"k": "true", "p/default": "true"})
    assert work(kube, *covering, program=OF_4_2).is_satisfied(kube.node)
    kube.node["status"]["runtimeHandlers"] = [{"name": "runc"}]
    assert not work(kube, *covering, program=OF_4_2).is_satisfied(kube.node)
    claimed = OneNode({"k": "true", "p/default": "false"})
    assert not work(claimed, *covering, program=OF_4_2).is_satisfied(claimed.node)


def test_taint_that_was_added_meanwhile_fails_the_node() -> None:
    kube = OneNode(taints=[TAINT])
    with pytest.raises(NodeError, match="has the taint gpu=:NoSchedule now"):
        work(kube, "--claim-node-pending").prepare(kube.node)
    assert kube.labels == {}
    assert work(kube, "--ignore-node-taints").prepare(kube.node)


def test_node_loses_its_startup_taints_once_it_has_kept_its_labels() -> None:
    kube = OneNode(taints=[TAINT, {"key": "other", "effect": "NoSchedule"}])
    polls = work(kube, "--node-label=true", "--remove-node-taints=gpu").finish(kube.node)
    assert len(list(polls)) == 2
    assert kube.labels == {SHARED: "true", OWN: "true"}
    assert [taint["key"] for taint in kube.node["spec"]["taints"]] == ["other"]


def test_node_that_does_not_serve_its_handlers_is_waited_for() -> None:
    kube = OneNode()
    kube.node["status"]["runtimeHandlers"] = [{"name": "runc"}]
    polls = work(kube, "--node-label=true", "--require-node-handlers=kata-qemu").finish(kube.node)
    next(polls)
    assert kube.labels == {}
    kube.node["status"]["runtimeHandlers"].append({"name": "kata-qemu"})
    assert list(polls)
    assert kube.labels == {SHARED: "true", OWN: "true"}


def test_matchers_of_startup_taints() -> None:
    assert without([TAINT, {"key": "gpu", "effect": "NoExecute"}], ["gpu:NoExecute"]) == [TAINT]


def selected(kube: Kube, *flags: str, program: str = OF_4_1) -> list[str]:
    nodes = Selection(kube, parsed(*flags, program=program), TEMPLATE).nodes()
    return [node["metadata"]["name"] for node in nodes]


def test_union_of_selectors_has_each_node_once() -> None:
    kube = OneNode()
    assert selected(kube, "--node-selector=a", "--node-selector=b") == ["a"]
    assert kube.lists == 2


def test_nodes_that_are_all_tainted_are_an_error_from_4_1_0_on() -> None:
    with pytest.raises(
        SandboxError, match="all are tainted; the first has the taint gpu=:NoSchedule"
    ):
        selected(OneNode(taints=[TAINT]))
    assert selected(OneNode(taints=[TAINT]), "--ignore-node-taints") == ["a"]
    assert selected(OneNode(taints=[TAINT]), program="kata-deploy-job-dispatcher:4.0.0") == ["a"]


def test_generic_program_that_waits_for_no_nodes_does_nothing_where_all_are_tainted() -> None:
    assert selected(OneNode(taints=[TAINT]), program=OF_4_2) == []
