"""Guard rails: what is refused, and that a refusal says how many nodes and the safe way."""

from kata_components.rollout import guards
from kata_components.rollout.helm import Release

OLD = {"deploymentMode": "job", "suffix": "", "namespace": "kube-system"}


def test_the_same_cluster_and_a_first_run_pass() -> None:
    assert guards.cluster(None, "1", "c") is None
    assert guards.cluster("1", "1", "c") is None


def test_another_cluster_is_refused() -> None:
    text = guards.cluster("1", "2", "prod") or ""
    assert "prod" in text
    assert "pulumi stack init" in text


def test_a_change_of_identity_names_old_and_new_and_the_nodes() -> None:
    for key, value in (("deploymentMode", "daemonset"), ("suffix", "dev"), ("namespace", "kata")):
        text = guards.identity(OLD, {**OLD, key: value}, 7) or ""
        assert f"{key} {OLD[key] or '(none)'} → {value}" in text
        assert "7 nodes" in text
        assert "pulumi destroy" in text
    assert guards.identity(OLD, OLD, 7) is None


def test_only_a_lower_version_is_a_downgrade() -> None:
    assert guards.downgrade(None, "4.0.0", 0) is None
    assert guards.downgrade("4.0.0", "4.0.0", 3) is None
    assert guards.downgrade("4.9.0", "4.10.0", 3) is None
    assert "3 nodes" in (guards.downgrade("4.1.0", "4.0.0", 3) or "")


def test_an_empty_selection_is_refused_only_while_nodes_are_marked() -> None:
    assert guards.empty_selection(0, [], "x") is None
    assert guards.empty_selection(1, ["a"], "x") is None
    assert "1 node is installed" in (guards.empty_selection(0, ["a"], "x") or "")


def test_long_lists_are_cut() -> None:
    text = guards.unclaimed([f"node-{n}" for n in range(100)]) or ""
    assert "100 nodes are labelled" in text
    assert "node-4 and 95 more" in text
    assert "node-5" not in text


def test_the_stack_that_made_the_installation_may_go_on() -> None:
    assert guards.other_stack(None, "p/a", "l") is None
    assert guards.other_stack("p/a", "p/a", "l") is None
    assert "p/b" in (guards.other_stack("p/b", "p/a", "l") or "")


def test_nothing_found_is_nothing_refused() -> None:
    assert guards.unclaimed([]) is None
    assert guards.foreign_objects([], set()) is None
    assert guards.unknown_nodes([]) is None


KATA = Release("kata", "kube-system")


def test_objects_of_a_release_are_named_with_it_and_the_way_to_take_it_over() -> None:
    text = guards.foreign_objects(["daemonsets/kube-system/kata-deploy"], {KATA}) or ""
    assert text.startswith(
        "1 object of this installation belongs to the Helm release kata in namespace kube-system "
        "(daemonsets/kube-system/kata-deploy)."
    )
    assert "`pulumi config set --path kata-deploy:rollout.existing adopt`" in text
    assert "env.multiInstallSuffix" in text


def test_one_release_of_the_same_namespace_and_mode_can_be_taken_over() -> None:
    assert guards.takeover({KATA}, "kube-system", "job", None) is None
    assert guards.takeover({Release("", "")}, "kube-system", "job", None) is None


def test_what_cannot_be_taken_over_is_refused_with_what_to_set() -> None:
    two = guards.takeover({KATA, Release("b", "kube-system")}, "kube-system", "job", None) or ""
    assert "the Helm releases b in namespace kube-system, kata in namespace kube-system" in two
    assert "Set `namespace` to kube-system" in (guards.takeover({KATA}, "kata", "job", None) or "")
    other = guards.takeover({KATA}, "kube-system", "job", "daemonsets/kube-system/kata-deploy") or ""
    assert "with deploymentMode daemonset (it has daemonsets/kube-system/kata-deploy), this stack with job" in other
    assert "with deploymentMode job" in (guards.takeover({KATA}, "kube-system", "daemonset", "configmaps/c") or "")
