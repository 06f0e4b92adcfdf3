"""Nodes of an older version get the label of their installation ahead of an upgrade."""

from dataclasses import replace

import pytest

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.planning import node_mark
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.node_mark import Mark
from kata_components.planning.prelabel import PrelabelRequest, prelabels, without_lease
from tests.planning.builders import job, mark_of, node

OWN = names.instance_label("")
SHARED = names.RUNTIME_LABEL
REQUEST = PrelabelRequest(namespace="kata", suffix="", kata_version="4.1.0", label=OWN)
WHOLE = mark_of("a")


def labelled(found: Node, *jobs: NodeJob) -> dict[str, str]:
    return {one.step.node: one.value for one in prelabels([found], jobs, REQUEST)}


def beside_another(marked: Mark) -> Node:
    """Return a node on which the installation `b` is whole."""
    found = node("a", marked=marked, labels={SHARED: "true"})
    annotations = found.metadata.annotations or {}
    annotations[names.mark_annotation("b")] = node_mark.render(WHOLE)
    return found


@pytest.mark.parametrize("value", ["true", "false"])
def test_a_node_of_an_older_version_gets_the_value_of_the_shared_label(value: str) -> None:
    assert labelled(node("a", marked=WHOLE, labels={SHARED: value})) == {"a": value}


def test_the_step_is_that_of_the_machine() -> None:
    (found,) = prelabels([node("a", marked=WHOLE)], [], REQUEST)
    assert (found.step.node_uid, found.step.machine_id) == ("uid-a", "machine-a")


@pytest.mark.parametrize(
    "labels",
    [{}, {SHARED: "true", OWN: "false"}, {SHARED: "true", OWN: "true"}],
    ids=["no shared label", "label is false", "label is true"],
)
def test_nothing_is_changed_or_invented(labels: dict[str, str]) -> None:
    assert labelled(node("a", marked=WHOLE, labels=labels)) == {}


@pytest.mark.parametrize(
    "mark",
    [
        mark_of("a", uid="another"),
        mark_of("a", machine="another"),
        replace(WHOLE, kata_version="4.1.0"),
        replace(WHOLE, kata_version="", digest=""),
        replace(WHOLE, namespace="elsewhere"),
        replace(WHOLE, schema=node_mark.SCHEMA + 1),
    ],
    ids=[
        "another node",
        "another machine",
        "this version",
        "cleanup begun",
        "another namespace",
        "newer checkout",
    ],
)
def test_marks_that_do_not_show_an_older_version_do_not_count(mark: Mark) -> None:
    succeeded = job("a", JobState.SUCCEEDED)
    found = node("a", marked=mark, labels={SHARED: "true"})
    assert labelled(found) == {}
    if mark.is_of(found):
        assert labelled(found, succeeded) == {}


def test_a_node_whose_mark_is_missing_counts_if_its_job_succeeded() -> None:
    found = node("a", labels={SHARED: "true"})
    assert labelled(found) == {}
    assert labelled(found, job("a", JobState.ACTIVE)) == {}
    assert labelled(found, job("a", JobState.FAILED)) == {}
    assert labelled(found, job("a", JobState.SUCCEEDED)) == {"a": "true"}
    assert labelled(found, replace(job("a", JobState.SUCCEEDED), machine_id="another")) == {}


def test_what_was_cleaned_since_its_job_does_not_count() -> None:
    found = node("a", labels={SHARED: "true"})
    install = replace(job("a", JobState.SUCCEEDED), created="2026-01-01T00:00:00Z")
    cleanup = job("a", JobState.SUCCEEDED, kind="cleanup")
    assert labelled(found, install, replace(cleanup, created="2026-01-01T00:00:01Z")) == {}
    assert labelled(found, install, replace(cleanup, created="2025-12-31T23:59:59Z")) == {
        "a": "true"
    }


def test_half_an_install_counts_unless_the_shared_label_is_about_another_installation() -> None:
    failed = replace(WHOLE, digest="", failed="bbbbbbbbbbbb")
    assert labelled(node("a", marked=failed, labels={SHARED: "true"})) == {"a": "true"}
    assert labelled(beside_another(failed)) == {}
    assert labelled(beside_another(WHOLE)) == {"a": "true"}


def test_the_server_is_asked_for_nothing_but_nodes_in_question() -> None:
    assert REQUEST.selector == f"{SHARED},!{OWN}"


def test_without_its_lease_an_upgrade_is_refused_with_what_restores_it() -> None:
    assert without_lease(3, "kata/kata-deploy", OWN, "4.0.0").text == (
        f"3 nodes need the label {OWN} before RuntimeClasses ask for it. Setting it takes the "
        "Lease kata/kata-deploy, which was deleted: run `pulumi up` with kataVersion 4.0.0, which "
        "restores it, then upgrade."
    )
