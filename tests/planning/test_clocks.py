"""Marks are dated by the machine that paces, Jobs by the API server: their clocks may differ."""

from dataclasses import replace

import pytest

from kata_components.kubernetes.nodes import Node
from kata_components.names import RUNTIME_LABEL, instance_label
from kata_components.planning.node_jobs import JobState, NodeJob
from kata_components.planning.plan import plan
from kata_components.planning.step import Action
from kata_components.planning.verdict import Rules
from tests.planning.builders import DIGEST, job, mark_of, node


def action_of(on: Node, found: NodeJob, *, token_free: bool = True) -> Action:
    rules = Rules(suffix="", digests={1: DIGEST}, token_free=token_free)
    [step] = plan([on], [replace(found, created="2026-01-01T00:35:00Z")], rules).steps
    return step.action


def marked_at(minute: int, own_label: str, *, adopted: bool = False) -> Node:
    mark = replace(mark_of("a"), time=f"2026-01-01T00:{minute}:00Z", adopted=adopted)
    return node("a", labels={RUNTIME_LABEL: "true", instance_label(""): own_label}, marked=mark)


@pytest.mark.parametrize("token_free", [False, True])
@pytest.mark.parametrize("minute", [20, 30, 40])
def test_our_own_job_on_an_adopted_node_is_never_taken_for_what_was_adopted(
    minute: int, token_free: bool
) -> None:
    later = job("a", JobState.SUCCEEDED, digest="bbbbbbbbbbbb")
    adopted = marked_at(minute, "true", adopted=True)
    assert action_of(adopted, later, token_free=token_free) is Action.UPGRADE


@pytest.mark.parametrize("minute", [20, 30, 40])
def test_a_node_that_was_cleaned_after_its_mark_was_written_is_installed(minute: int) -> None:
    cleaned = job("a", JobState.SUCCEEDED, kind="cleanup")
    assert action_of(marked_at(minute, "false"), cleaned) is Action.INSTALL
