"""A node that is installed but lacks its labels: no pod is scheduled there."""

from dataclasses import replace

import pytest

from kata_components import names
from kata_components.kubernetes.nodes import Node, RuntimeHandler
from kata_components.names import RUNTIME_LABEL, instance_label, mark_annotation
from kata_components.planning.demands import Demands
from kata_components.planning.node_jobs import JobState
from kata_components.planning.node_mark import render
from kata_components.planning.plan import plan
from kata_components.planning.step import Action, Step
from kata_components.planning.verdict import Rules
from tests.planning.builders import DIGEST, job, mark_of, node

SHARED = Demands(handlers=("kata-qemu", "kata-clh"))
OWN = Demands(labels=(RUNTIME_LABEL, instance_label("")), handlers=("kata-qemu",))


def rules_of(demands: Demands = SHARED, **others: object) -> Rules:
    return replace(Rules(suffix="", digests={1: DIGEST}, demands=demands), **others)  # type: ignore[arg-type] # its fields


def serving(on: Node, *handlers: str) -> Node:
    assert on.status
    on.status.runtime_handlers = [RuntimeHandler(name=name) for name in handlers]
    return on


def installed(name: str = "a", labels: dict[str, str] | None = None) -> Node:
    return node(name, marked=mark_of(name), labels=labels or {})


def step_of(on: Node, rules: Rules) -> Step:
    [step] = plan([on], [], rules).steps
    return step


@pytest.mark.parametrize("labels", [{}, {RUNTIME_LABEL: "false"}])
def test_a_lost_label_is_restored_without_a_job(labels: dict[str, str]) -> None:
    step = step_of(installed(labels=labels), rules_of())
    assert step.action is Action.RELABEL
    assert step.reason == f"installed, but the label {RUNTIME_LABEL} is not true"


@pytest.mark.parametrize(
    ("handlers", "action"),
    [
        (["", "runc", "kata-clh"], Action.RELABEL),
        (["", "runc", "kata-other"], Action.INSTALL),
        ([], Action.INSTALL),
    ],
)
def test_what_the_container_runtime_serves_says_whether_kata_is_still_there(
    handlers: list[str], action: Action
) -> None:
    step = step_of(serving(installed(), *handlers), rules_of())
    assert step.action is action
    assert action is Action.RELABEL or step.reason.endswith(
        "the container runtime reports none of Kata's handlers"
    )


def test_a_labelled_node_is_up_to_date_whatever_its_runtime_says() -> None:
    assert (
        step_of(serving(installed(labels={RUNTIME_LABEL: "true"})), rules_of()).action
        is Action.UP_TO_DATE
    )


def test_the_own_label_counts_where_classes_select_by_it() -> None:
    assert step_of(installed(labels={RUNTIME_LABEL: "true"}), rules_of(OWN)).reason.endswith(
        f"but the label {names.instance_label('')} is not true"
    )
    both = {RUNTIME_LABEL: "true", instance_label(""): "true"}
    assert step_of(installed(labels=both), rules_of(OWN)).action is Action.UP_TO_DATE


def test_only_a_whole_mark_of_this_machine_and_digest_is_relabelled() -> None:
    marks = [
        mark_of("a", digest="bbbbbbbbbbbb"),
        mark_of("a", uid="another"),
        mark_of("a", machine="another"),
        mark_of("a", digest=""),
    ]
    steps = [step_of(node("a", marked=mark, labels={}), rules_of()) for mark in marks]
    assert [step.action for step in steps] == [
        Action.UPGRADE,
        Action.REBUILT,
        Action.REBUILT,
        Action.INSTALL,
    ]


@pytest.mark.parametrize("state", list(JobState))
def test_a_cleanup_that_has_begun_took_the_label_so_kata_is_not_whole(state: JobState) -> None:
    [step] = plan([installed()], [job("a", state, kind="cleanup")], rules_of()).steps
    assert step.action is Action.INSTALL


def test_a_node_that_is_not_ready_can_be_labelled_since_nothing_runs_there() -> None:
    step = step_of(node("a", marked=mark_of("a"), labels={}, ready=False), rules_of())
    assert step.action is Action.RELABEL


def test_a_node_to_label_stands_for_its_kind_and_waits_for_no_wave() -> None:
    rules = rules_of(waves=("canary", "100%"), soak_seconds=3600)
    lost, fresh = plan([installed(), node("b")], [], rules).steps
    assert (lost.action, lost.canary, fresh.action, fresh.canary) == (
        Action.RELABEL,
        False,
        Action.INSTALL,
        False,
    )


@pytest.mark.parametrize(
    ("created", "action"),
    [("2025-12-31T00:00:00Z", Action.UP_TO_DATE), ("2026-01-02T00:00:00Z", Action.INSTALL)],
)
def test_a_label_restored_by_another_installation_does_not_undo_a_cleanup(
    created: str, action: Action
) -> None:
    on = installed(labels={RUNTIME_LABEL: "true"})
    assert on.metadata.annotations
    on.metadata.annotations[mark_annotation("b")] = render(mark_of("a"))
    cleanup = replace(job("a", JobState.SUCCEEDED, kind="cleanup"), created=created)
    [step] = plan([on], [cleanup], rules_of()).steps
    assert step.action is action


@pytest.mark.parametrize("neighbours", [[], ["a"]])
def test_the_job_of_another_installation_explains_the_label_before_its_mark_does(
    neighbours: list[str],
) -> None:
    cleanup = replace(job("a", JobState.SUCCEEDED, kind="cleanup"), created="2026-08-22T10:00:00Z")
    foreign = [replace(job(name, JobState.SUCCEEDED), foreign=True) for name in neighbours]
    [step] = plan(
        [installed(labels={RUNTIME_LABEL: "true"})], [cleanup], rules_of(), foreign=foreign
    ).steps
    assert step.action is (Action.INSTALL if neighbours else Action.UP_TO_DATE)


def test_after_a_cleanup_the_handlers_show_that_the_label_is_somebody_elses() -> None:
    cleanup = job("a", JobState.SUCCEEDED, kind="cleanup")
    [step] = plan(
        [serving(installed(labels={RUNTIME_LABEL: "true"}), "kata-qemu-b")], [cleanup], rules_of()
    ).steps
    assert (step.action, step.reason) == (
        Action.INSTALL,
        "an earlier cleanup has removed Kata or part of it",
    )
