"""What an approved plan binds: its nodes, their actions, and the guard rails it lists."""

import json
from dataclasses import replace
from typing import Any

import pytest

from kata_components.errors import GuardError
from kata_components.planning.approval import Approval
from kata_components.planning.node_jobs import JobState
from kata_components.planning.plan import NOTHING, Plan, plan
from kata_components.planning.plan_document import Pace, Place, document, guards_only
from kata_components.planning.step import Action
from kata_components.planning.verdict import Rules
from kata_components.report.plan_record import rendered
from tests.planning.builders import DIGEST, job, mark_of, node

PLACE = Place("kata-deploy/test", "uid-1")
PACE: Pace = {
    "job.parallelism": 5,
    "rollout.maxFailures": 3,
    "rollout.soakSeconds": 3600,
    "rollout.waves": ["canary", "100%"],
}
RULES = Rules(suffix="", digests={1: DIGEST})


def planned(*names: str, **changes: Any) -> Plan:
    return plan([node(name) for name in names], [], replace(RULES, **changes))


def approved(what: Plan, cleanup: Plan = NOTHING) -> Approval:
    text = rendered(document(what, place=PLACE, pace=PACE, cleanup=cleanup, guards=["g"]))
    return Approval.parse(text, "approved.json")


def departures(approval: Approval, now: Plan, pace: Pace = PACE, place: Place = PLACE) -> list[str]:
    """Return the lines of what is not as approved."""
    refusal = approval.departure(now, NOTHING, pace, place)
    return [line.strip() for line in refusal.text.splitlines()[1:]] if refusal else []


def test_same_plan_is_covered() -> None:
    now = planned("a", "b")
    approval = approved(now)
    assert planned("a", "b", bound=approval.bound) == now
    assert departures(approval, now) == []
    assert approval.guards == {"g"}


def test_newcomers_wait_and_departed_nodes_are_no_problem() -> None:
    approval = approved(planned("a", "b"))
    bound = planned("a", "c", bound=approval.bound)
    assert [(step.node, step.action, step.reason) for step in bound.steps] == [
        ("a", Action.INSTALL, "new node"),
        ("c", Action.SKIPPED, "waiting for approval"),
    ]
    assert departures(approval, bound) == []


def test_the_canary_is_one_of_the_approved_nodes() -> None:
    waves = ("canary", "100%")
    approval = approved(planned("b0", "b1", waves=waves))
    bound = planned("a0", "b0", "b1", waves=waves, bound=approval.bound)
    assert [(step.node, step.wave, step.canary) for step in bound.pending] == [
        ("b0", 0, True),
        ("b1", 1, False),
    ]
    assert departures(approval, bound) == []


def test_another_machine_under_an_approved_name_waits() -> None:
    approval = approved(planned("a"))
    (step,) = plan([node("a", uid="another")], [], replace(RULES, bound=approval.bound)).steps
    assert step.action is Action.SKIPPED


def test_a_node_approved_as_up_to_date_waits_when_it_no_longer_is() -> None:
    approval = approved(plan([node("a", marked=mark_of("a"))], [], RULES))
    (step,) = planned("a", bound=approval.bound).steps
    assert step.action is Action.SKIPPED


@pytest.mark.parametrize("state", [JobState.ACTIVE, JobState.FAILED])
def test_interrupted_approved_work_continues(state: JobState) -> None:
    approval = approved(planned("a"))
    resumed = plan([node("a")], [job("a", state)], RULES)
    assert plan([node("a")], [job("a", state)], replace(RULES, bound=approval.bound)) == resumed
    assert departures(approval, resumed) == []


CHANGED: list[tuple[str, object, str]] = [
    ("job.parallelism", 6, "job.parallelism 5 → 6"),
    ("rollout.maxFailures", "10%", "rollout.maxFailures 3 → 10%"),
    ("rollout.soakSeconds", 0, "rollout.soakSeconds 3600 → 0"),
    ("rollout.waves", [], 'rollout.waves ["canary", "100%"] → []'),
    ("rollout.runsIn", "cluster", "rollout.runsIn null → cluster"),
]


@pytest.mark.parametrize(("key", "value", "line"), CHANGED)
def test_another_pace_is_refused_by_its_key(key: str, value: object, line: str) -> None:
    assert departures(approved(planned("a")), planned("a"), {**PACE, key: value}) == [line]


def test_fewer_nodes_at_a_time_than_approved_are_covered() -> None:
    assert departures(approved(planned("a")), planned("a"), {**PACE, "job.parallelism": 4}) == []


def test_all_departures_are_reported_at_once() -> None:
    other = replace(planned("a"), digest="bbbbbbbbbbbb")
    approval = approved(planned("a"))
    found = departures(
        approval, other, {**PACE, "rollout.soakSeconds": 1}, Place("kata-deploy/other", "uid-2")
    )
    assert found == [
        "stack kata-deploy/test → kata-deploy/other",
        "cluster (UID of kube-system) uid-1 → uid-2",
        f"digest {DIGEST} → bbbbbbbbbbbb",
        "rollout.soakSeconds 3600 → 1",
    ]
    refusal = approval.departure(other, NOTHING, PACE, PLACE)
    assert refusal
    assert refusal.text.startswith(
        "rollout.approvedPlan approved.json does not cover this run. Nothing was written."
    )
    assert not refusal.guard, "nothing confirms it"


def test_other_action_is_refused() -> None:
    labelled = [node("a", labels={"katacontainers.io/kata-runtime": "true"})]
    approval = approved(plan(labelled, [], replace(RULES, existing="adopt")))
    now = plan(labelled, [], replace(RULES, existing="install", bound=approval.bound))
    assert departures(approval, now) == ["nodes a adopt → install"]


def test_a_label_lost_since_is_written_again_if_an_install_was_approved() -> None:
    approval = approved(planned("a"))
    unlabelled = plan(
        [node("a", marked=mark_of("a"), labels={})], [], replace(RULES, bound=approval.bound)
    )
    assert [step.action for step in unlabelled.steps] == [Action.RELABEL]
    assert departures(approval, unlabelled) == []


@pytest.mark.parametrize(
    "place", [Place("kata-deploy/other", "uid-1"), Place("kata-deploy/test", "uid-2")]
)
def test_guard_rails_are_confirmed_for_their_stack_on_their_cluster_alone(place: Place) -> None:
    approval = Approval.parse(rendered(guards_only(["x"], PLACE)), "p")
    assert (approval.confirmed(PLACE), approval.misplaced(PLACE)) == (frozenset({"x"}), None)
    assert approval.confirmed(place) == frozenset()
    refusal = approval.misplaced(place)
    assert refusal
    assert len(refusal.text.splitlines()) == 2
    assert departures(approval, planned("a"), PACE, place) != []


def test_guard_rails_can_be_approved_before_there_is_a_plan() -> None:
    approval = Approval.parse(rendered(guards_only(["x"], PLACE)), "p")
    now = planned("a")
    assert approval.guards == {"x"}
    assert planned("a", bound=approval.bound) == now
    assert departures(approval, now) == []


def test_a_plan_that_the_version_before_has_written_binds_as_it_did() -> None:
    text = f"""{{"schema": 2, "stack": "kata-deploy/test", "clusterUid": "uid-1",
        "guards": ["g"], "digest": "{DIGEST}", "pace": {json.dumps(PACE)},
        "counts": {{"install": 1}}, "nodes": [{{"node": "a", "uid": "uid-a",
        "action": "install", "reason": "new node", "wave": 0}}]}}"""
    approval = Approval.parse(text, "approved.json")
    assert approval == approved(planned("a"))
    assert departures(approval, planned("a", "b", bound=approval.bound)) == []


@pytest.mark.parametrize("schema", [1, 3])
def test_a_document_of_another_version_needs_a_new_preview(schema: int) -> None:
    with pytest.raises(
        GuardError, match=rf"\(schema {schema}, this one reads 2\).* run `pulumi preview` again"
    ):
        Approval.parse(json.dumps({"schema": schema, "guards": [], "digest": DIGEST}), "p.json")


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"schema": 2, "guards": []}', '{"schema": "2", "guards": []}']
)
def test_anything_else_is_not_an_approval(text: str) -> None:
    with pytest.raises(GuardError, match=r"rollout.approvedPlan: p.json is not a plan.json"):
        Approval.parse(text, "p.json")
