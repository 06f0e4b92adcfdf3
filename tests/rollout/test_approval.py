"""What an approved plan binds: the nodes in it, in the way it says, and the guard rails it lists."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kata_components.errors import GuardError
from kata_components.rollout.approval import Approval, document, guards_only
from kata_components.rollout.jobs import JobState
from kata_components.rollout.plan import NOTHING, Plan, plan
from kata_components.rollout.step import Action
from kata_components.rollout.verdict import Rules
from tests.rollout.builders import DIGEST, job, mark_of, node

RULES = Rules(suffix="", digests={1: DIGEST})


def planned(*names: str, **changes: Any) -> Plan:
    return plan([node(name) for name in names], [], replace(RULES, **changes))


def approved(what: Plan, cleanup: Plan = NOTHING, parallelism: int = 5) -> Approval:
    text = json.dumps(document(what, parallelism=parallelism, cleanup=cleanup, guards=["g"]))
    return Approval.parse(text, "approved.json")


def test_same_plan_is_covered() -> None:
    now = planned("a", "b")
    approval = approved(now)
    assert planned("a", "b", bound=approval.bound) == now
    assert approval.departures(now, NOTHING, 5) == []
    assert approval.guards == {"g"}


def test_newcomers_wait_and_departed_nodes_are_no_problem() -> None:
    approval = approved(planned("a", "b"))
    bound = planned("a", "c", bound=approval.bound)
    assert [(step.node, step.action, step.reason) for step in bound.steps] == [
        ("a", Action.INSTALL, "new node"),
        ("c", Action.SKIPPED, "waits for approval"),
    ]
    assert approval.departures(bound, NOTHING, 5) == []


def test_the_canary_is_one_of_the_approved_nodes() -> None:
    waves = ("canary", "100%")
    approval = approved(planned("b0", "b1", sizes=waves))
    bound = planned("a0", "b0", "b1", sizes=waves, bound=approval.bound)
    assert [(step.node, step.wave, step.canary) for step in bound.pending] == [("b0", 0, True), ("b1", 1, False)]
    assert approval.departures(bound, NOTHING, 5) == []


def test_another_machine_under_an_approved_name_waits() -> None:
    approval = approved(planned("a"))
    (step,) = plan([node("a", uid="another")], [], replace(RULES, bound=approval.bound)).steps
    assert step.action is Action.SKIPPED


def test_node_that_was_up_to_date_when_approved_waits_when_it_is_not_any_more() -> None:
    approval = approved(plan([node("a", marked=mark_of("a"))], [], RULES))
    (step,) = planned("a", bound=approval.bound).steps
    assert step.action is Action.SKIPPED


@pytest.mark.parametrize("state", [JobState.ACTIVE, JobState.FAILED])
def test_approved_work_that_was_cut_off_goes_on(state: JobState) -> None:
    approval = approved(planned("a"))
    resumed = plan([node("a")], [job("a", state)], RULES)
    assert plan([node("a")], [job("a", state)], replace(RULES, bound=approval.bound)) == resumed
    assert approval.departures(resumed, NOTHING, 5) == []


def test_other_digest_or_wider_pace_is_refused() -> None:
    approval = approved(planned("a"))
    other = replace(planned("a"), digest="bbbbbbbbbbbb")
    (digest,) = approval.departures(other, NOTHING, 5)
    assert f"digest {DIGEST} was approved, the configuration now gives bbbbbbbbbbbb" in digest
    assert "approved.json" in digest
    (pace,) = approval.departures(planned("a"), NOTHING, 6)
    assert "5 nodes at a time were approved, job.parallelism is 6" in pace
    assert approval.departures(planned("a"), NOTHING, 4) == []


def test_other_action_is_refused() -> None:
    labelled = [node("a", labels={"katacontainers.io/kata-runtime": "true"})]
    approval = approved(plan(labelled, [], replace(RULES, existing="adopt")))
    now = plan(labelled, [], replace(RULES, existing="install", bound=approval.bound))
    (refusal,) = approval.departures(now, NOTHING, 5)
    assert "a (adopt was approved, now it is install)" in refusal


def test_guard_rails_can_be_approved_before_there_is_a_plan() -> None:
    approval = Approval.parse(json.dumps(guards_only(["x"])), "p")
    now = planned("a")
    assert approval.guards == {"x"}
    assert planned("a", bound=approval.bound) == now
    assert approval.departures(now, NOTHING, 100) == []


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "guards": []}', '{"schema": 1, "guards": 3}'])
def test_anything_else_is_no_approval(text: str) -> None:
    with pytest.raises(GuardError, match=r"rollout.approvedPlan: p.json is no plan.json"):
        Approval.parse(text, "p.json")
