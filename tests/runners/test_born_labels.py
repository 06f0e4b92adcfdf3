"""Nodes with Kata's label that are not ours: born with it, or installed by something else."""

from typing import Any, Literal

import pytest

from kata_components import names
from kata_components.operations import installation
from kata_components.operations.preview import Preview, preview
from kata_components.planning.demands import Demands
from kata_components.planning.step import Action
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, NAMESPACE, cluster, request, roll_out
from tests.model.virtual_loop import simulate

OURS = Demands(handlers=("kata-qemu",))
BEFORE, AFTER = "2026-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
DAEMON_SET = f"namespaces/{NAMESPACE}/daemonsets/kata-deploy"
TEMPLATES = f"namespaces/{NAMESPACE}/configmaps/{names.job_templates('')}"
HELMS = {"annotations": {"meta.helm.sh/release-name": "kata"}}
BY_ARGO_CD = {
    "managedFields": [{"manager": "pulumi-kubernetes-2b4c0d6e"}, {"manager": "argocd-controller"}]
}
BY_PULUMI = {"managedFields": [{"manager": "pulumi-kubernetes-2b4c0d6e"}]}


def born(*nodes: str, made: str = BEFORE, handlers: list[str] | None = None) -> Cluster:
    on = cluster(0)
    add(on, *nodes, made=made, handlers=handlers)
    return on


def add(on: Cluster, *nodes: str, made: str = BEFORE, handlers: list[str] | None = None) -> None:
    on.add_nodes(*nodes, labels={names.RUNTIME_LABEL: "true"})
    for node in nodes:
        on.nodes[node]["metadata"]["creationTimestamp"] = made
        if handlers is not None:
            on.nodes[node]["status"]["runtimeHandlers"] = [{"name": name} for name in handlers]


def found(on: Cluster, existing: Literal["adopt", "install"] | None) -> Preview:
    return simulate(preview(FakeKubeApi(on), request(existing=existing, demands=OURS)))


def actions(on: Cluster, existing: Literal["adopt", "install"]) -> dict[str, Action]:
    return {step.node: step.action for step in found(on, existing).plan.steps}


def test_the_refusal_names_the_pools_label_as_a_cause_and_install_first() -> None:
    [text] = found(born("a", "b"), None).refusals
    assert "created with the label, as in node pools that scale from zero" in text
    assert text.index("rollout.existing: install") < text.index("rollout.existing: adopt")


@pytest.mark.parametrize("handlers", [None, ["runc"], []])
def test_a_label_alone_is_no_reason_to_adopt_and_other_nodes_go_on(
    handlers: list[str] | None,
) -> None:
    on = born("a", handlers=handlers)
    on.add_nodes("new")
    seen = found(on, "adopt")
    assert seen.refusals == []
    assert {step.node: step.action for step in seen.plan.steps} == {
        "a": Action.SKIPPED,
        "new": Action.INSTALL,
    }
    [reason] = [step.reason for step in seen.plan.steps if step.node == "a"]
    assert "nothing shows that Kata is there; rollout.existing: install would install it" in reason


def test_a_container_runtime_that_serves_kata_is_evidence_whatever_else_is_there() -> None:
    on = born("a", made=AFTER, handlers=["runc", "kata-qemu"])
    assert actions(on, "adopt") == {"a": Action.ADOPT}


@pytest.mark.parametrize(
    ("path", "metadata"), [(DAEMON_SET, {}), (TEMPLATES, HELMS), (TEMPLATES, BY_ARGO_CD)]
)
def test_another_installer_is_evidence_for_nodes_that_do_not_tell(
    path: str, metadata: dict[str, Any]
) -> None:
    on = born("a")
    add(on, "empty", handlers=["runc"])
    on.objects[path] = {"metadata": metadata}
    assert actions(on, "adopt") == {"a": Action.ADOPT, "empty": Action.SKIPPED}


def test_templates_of_this_stack_are_no_evidence() -> None:
    on = born("a")
    on.objects[TEMPLATES] = {"metadata": BY_PULUMI}
    assert actions(on, "adopt") == {"a": Action.SKIPPED}


def test_an_installer_that_was_taken_over_is_evidence_for_the_nodes_of_its_time() -> None:
    on = born("old")
    on.objects[TEMPLATES] = {"metadata": BY_ARGO_CD}
    simulate(installation.note_takeover(FakeKubeApi(on), NAMESPACE, LEASE))
    add(on, "young", made=AFTER)
    assert actions(on, "adopt") == {"old": Action.ADOPT, "young": Action.SKIPPED}


def test_only_the_first_takeover_is_noted() -> None:
    on = born("old")
    api = FakeKubeApi(on)
    on.leases[LEASE]["metadata"]["annotations"][names.ADOPTED_ANNOTATION] = BEFORE
    simulate(installation.note_takeover(api, NAMESPACE, LEASE))
    assert on.leases[LEASE]["metadata"]["annotations"][names.ADOPTED_ANNOTATION] == BEFORE


def test_install_undoes_an_adoption_without_evidence_and_no_other() -> None:
    on = born("empty")
    add(on, "kata", handlers=["kata-qemu"])
    on.objects[DAEMON_SET] = {"metadata": {}}
    assert (
        simulate(roll_out(FakeKubeApi(on), request(existing="adopt", demands=OURS))).outcome.adopted
        == 2
    )
    del on.objects[DAEMON_SET]
    assert actions(on, "adopt") == dict.fromkeys(["empty", "kata"], Action.UP_TO_DATE)
    assert actions(on, "install") == {"empty": Action.INSTALL, "kata": Action.UP_TO_DATE}
    done = simulate(roll_out(FakeKubeApi(on), request(existing="install", demands=OURS)))
    assert (done.outcome.installed, on.starts) == (1, ["empty"])
    assert actions(on, "install") == dict.fromkeys(["empty", "kata"], Action.UP_TO_DATE)


def test_told_once_newcomers_with_the_label_are_installed_without_asking() -> None:
    on = born("a", "b", made=AFTER)
    done = simulate(roll_out(FakeKubeApi(on), request(existing="install", demands=OURS)))
    assert done.outcome.installed == 2
