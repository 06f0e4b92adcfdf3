"""Guard rails: what is refused, and that a refusal says how many nodes and the safe way."""

from dataclasses import replace

import pytest

from kata_components.planning import guardrails, ownership
from kata_components.planning.helm import Release
from kata_components.planning.step import Action, step_of
from tests.planning.builders import node, text_of

STEP = step_of(node("a"), Action.SKIPPED, "", None)
OLD = {"deploymentMode": "job", "suffix": "", "namespace": "kube-system"}


def test_the_same_cluster_and_a_first_run_pass() -> None:
    assert guardrails.cluster(None, "1", "c") is None
    assert guardrails.cluster("1", "1", "c") is None


def test_another_cluster_is_refused() -> None:
    text = text_of(guardrails.cluster("1", "2", "prod"))
    assert "prod" in text
    assert "pulumi stack init" in text


def test_a_change_of_identity_names_old_and_new_and_the_nodes() -> None:
    for key, value in (("deploymentMode", "daemonset"), ("suffix", "dev"), ("namespace", "kata")):
        text = text_of(guardrails.identity(OLD, {**OLD, key: value}, 7))
        assert f"{key} {OLD[key] or '(none)'} → {value}" in text
        assert "7 nodes" in text
        assert "pulumi destroy" in text
    assert guardrails.identity(OLD, OLD, 7) is None


def test_only_a_lower_version_is_a_downgrade() -> None:
    assert guardrails.downgrade(None, "4.0.0", 0) is None
    assert guardrails.downgrade("4.0.0", "4.0.0", 3) is None
    assert guardrails.downgrade("4.9.0", "4.10.0", 3) is None
    assert "3 nodes" in text_of(guardrails.downgrade("4.1.0", "4.0.0", 3))


def test_an_empty_selection_is_refused_only_while_nodes_are_marked() -> None:
    assert guardrails.empty_selection(0, [], "x") is None
    assert guardrails.empty_selection(1, ["a"], "x") is None
    assert "1 node is installed" in text_of(guardrails.empty_selection(0, ["a"], "x"))


@pytest.mark.parametrize(
    ("step", "named"),
    [(1, "node-0 … node-99"), (10, "node-0, node-10, node-20, node-30, node-40 and 5 more")],
)
def test_long_lists_of_nodes_are_short(step: int, named: str) -> None:
    text = text_of(guardrails.unclaimed([f"node-{n}" for n in range(0, 100, step)]))
    assert text.startswith(f"{100 // step} nodes are labelled ")
    assert f"({named})" in text


def test_the_stack_that_made_the_installation_may_go_on() -> None:
    assert ownership.other_stack(None, "p/a", "l") is None
    assert ownership.other_stack("p/a", "p/a", "l") is None
    assert "p/b" in text_of(ownership.other_stack("p/b", "p/a", "l"))


def test_nothing_found_is_nothing_refused() -> None:
    assert guardrails.unclaimed([]) is None
    assert ownership.foreign_objects([], set()) is None
    assert guardrails.unknown_nodes([]) is None


def test_cleaning_more_than_a_tenth_is_refused() -> None:
    assert guardrails.cleaning([], 0) is None
    assert guardrails.cleaning(["a"], 10) is None
    text = text_of(guardrails.cleaning(["a", "b"], 10))
    assert "2 nodes are no longer selected" in text
    assert "rollout.cleanupDeselected" in text


def test_a_confirmed_guard_rail_does_not_refuse_and_others_do() -> None:
    lower, elsewhere = (
        guardrails.downgrade("4.1.0", "4.0.0", 3),
        guardrails.cluster("1", "2", "prod"),
    )
    assert lower
    assert elsewhere
    assert guardrails.unconfirmed([None, lower, elsewhere], [lower.guard]) == [elsewhere]
    other = guardrails.downgrade("4.2.0", "4.0.0", 3)
    assert guardrails.unconfirmed([other], [lower.guard]) == [other], (
        "another downgrade than the approved one"
    )


def test_marks_of_others_and_of_newer_checkouts_are_refused_with_their_reason() -> None:
    barred = [replace(STEP, node=name, reason="carries the mark of team-b") for name in ("a", "b")]
    for refuse in (guardrails.marked_elsewhere, guardrails.marked_newer):
        assert text_of(refuse(barred)).startswith("2 nodes (a, b): carries the mark of team-b. ")
        assert refuse([]) is None
    assert "kubectl annotate node" in text_of(guardrails.marked_elsewhere(barred))


def test_nothing_confirms_a_change_of_mode_or_an_unclaimed_node() -> None:
    mode = guardrails.identity(OLD, {**OLD, "deploymentMode": "daemonset"}, 7)
    assert guardrails.unconfirmed([mode, guardrails.unclaimed(["a"])], [""]) == [
        mode,
        guardrails.unclaimed(["a"]),
    ]


KATA = Release("kata", "kube-system")


def test_objects_of_a_release_are_named_with_it_and_the_way_to_take_it_over() -> None:
    text = text_of(ownership.foreign_objects(["daemonsets/kube-system/kata-deploy"], {KATA}))
    assert text.startswith(
        "1 object of this installation belongs to the Helm release kata in namespace kube-system "
        "(daemonsets/kube-system/kata-deploy)."
    )
    assert "`pulumi config set --path kata-deploy:rollout.existing adopt`" in text
    assert "env.multiInstallSuffix" in text


def test_one_release_of_the_same_namespace_and_mode_can_be_taken_over() -> None:
    assert ownership.takeover({KATA}, "kube-system") is None


def test_what_cannot_be_taken_over_is_refused_with_what_to_set() -> None:
    two = text_of(ownership.takeover({KATA, Release("b", "kube-system")}, "kube-system"))
    assert "the Helm releases b in namespace kube-system, kata in namespace kube-system" in two
    assert "Set `namespace` to kube-system" in text_of(ownership.takeover({KATA}, "kata"))
