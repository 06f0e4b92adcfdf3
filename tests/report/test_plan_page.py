"""plan.html: every node of a plan and what happens to it, safe and small, for any fleet."""

import re
from itertools import chain

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from kata_components.report import plan_record
from kata_components.report.plan_page import MOST_ROWS, headline, page
from kata_components.report.plan_record import Container, NodeKind, PlannedNode, PlanRecord
from tests.report.html import Parsed, assert_harmless, hostile
from tests.report.plans import KINDS, OLD, fleet, plan_of, planned_node

PATH = "reports/my-cluster/plan.json"

kinds = st.builds(NodeKind, architecture=hostile, os_image=hostile, container_runtime=hostile)
nodes = st.builds(
    PlannedNode,
    node=hostile,
    uid=hostile,
    action=st.sampled_from(["install", "upgrade", "cleanup", "skipped", "upToDate"]) | hostile,
    reason=hostile,
    wave=st.integers(0, 3),
    canary=st.booleans(),
    zone=hostile,
    kind=kinds,
    installed=st.sampled_from([None, OLD]),
    selected=st.booleans(),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(nodes, max_size=8), hostile)
def test_no_text_becomes_markup_and_nothing_is_fetched(found: list[PlannedNode], text: str) -> None:
    texts = {"stack": text, "digest": text, "guards": (text,), "refusals": (text,), "kept": (text,)}
    record = plan_of(found, pace={text: text}, containers=(Container(name=text, image=text),))
    assert_harmless(page(replace(record, **texts), text))


@pytest.mark.parametrize("size", [1, 24, 1000, 5000])
def test_every_node_is_named_once_in_the_list_of_all(size: int) -> None:
    found = fleet(size)
    html = page(plan_of(found), PATH)
    assert len(html) < 200_000
    table = html.split("<h2>All nodes</h2>")[1].split("</main>")[0]
    names = Parsed(table).of("span")
    assert sorted(chain.from_iterable(map(names_in, names))) == [node.node for node in found]


def names_in(text: str) -> list[str]:
    """Return the nodes of a name or range."""
    numbers = [int(number) for number in re.findall(r"worker-(\d+)", text)]
    return [f"worker-{n:04}" for n in range(numbers[0], numbers[-1] + 1)]


def test_a_thousand_nodes_of_which_no_two_are_alike_stay_below_a_megabyte() -> None:
    unlike = [
        replace(
            node,
            node=f"{number:05}.{'n' * 247}",
            zone=f"{number:05}-{'z' * 57}",
            reason=f"{number} {'r' * 500}",
            kind=NodeKind(os_image=f"{number} {'o' * 500}"),
        )
        for number, node in enumerate(fleet(5000))
    ]
    assert len(page(plan_of(unlike[:1000]), PATH)) < 1_000_000
    html = page(plan_of(unlike), PATH)
    assert len(html) < 1_500_000
    assert re.search(r"and \d+ more rows, all in plan.json", html)
    assert html.count('<td class="word">install') <= MOST_ROWS


def test_waves_have_their_nodes_by_action_zone_and_kind() -> None:
    record = plan_of(
        [
            planned_node("a", canary=True, kind=KINDS[0], zone="z1"),
            planned_node("b", wave=2, kind=KINDS[0], zone="z1"),
            planned_node("c", "upgrade", wave=2, kind=KINDS[2], zone="z2", installed=OLD),
            planned_node("d", wave=2, kind=KINDS[0], zone="z1"),
        ]
    )
    parsed = Parsed(page(record, PATH))
    assert {"wave 1 (canary)", "wave 2 (100%)"} <= {*parsed.of("th")}
    assert {"install 2, upgrade 1", "z1 2, z2 1", "A 2, B 1"} <= {*parsed.of("td")}
    assert "Kata 4.1.0 with digest 1f2e3d4c5b6a" in parsed.of("td")


def test_the_cleanup_comes_behind_the_waves() -> None:
    gone = planned_node("gone", "cleanup", selected=False, installed=OLD)
    stuck = planned_node("stuck", "skipped", selected=False, reason="NotReady")
    parsed = Parsed(page(plan_of([planned_node("a", wave=1), gone, stuck]), PATH))
    heads = [text for text in parsed.of("th") if ": " in text]
    assert heads == ["wave 1 (10%): 1 node", "then cleanup: 1 node", "skipped: 1 node"]
    assert "no Kata" in parsed.of("td")
    assert "1 node: NotReady" in parsed.of("li")


def test_a_reviewer_sees_what_is_privileged_and_what_restarts() -> None:
    parsed = Parsed(page(plan_of([planned_node("a"), planned_node("b", "relabel")]), PATH))
    assert parsed.of("td").count("no") == 3
    assert parsed.of("span")[0] == "yes"
    assert {"the container runtime", "nothing"} <= {*parsed.of("td")}


def test_the_commands_approve_a_copy_for_this_stack() -> None:
    [commands] = Parsed(page(plan_of(fleet(3)), "my reports/plan.json")).of("pre")
    key = "--path kata-deploy:rollout.approvedPlan"
    assert commands.splitlines() == [
        "cp 'my reports/plan.json' approved.json",
        f"pulumi config set --stack my-cluster {key} approved.json",
        "pulumi up --stack my-cluster",
        f"pulumi config rm --stack my-cluster {key}",
    ]


@pytest.mark.parametrize(
    ("record", "line"),
    [
        (plan_of(None), "Stopped by a guard rail before there was a plan"),
        (plan_of([]), "No node is selected"),
        (plan_of([planned_node("a", "upToDate")]), "Nothing to do on 1 node"),
        (
            plan_of([*map(planned_node, "ab"), planned_node("c", "skipped")]),
            "pulumi up touches 2 of 3 nodes: 2 install",
        ),
    ],
)
def test_the_head_line_has_the_counts_by_action(record: PlanRecord, line: str) -> None:
    assert headline(record) == line
    html = page(record, PATH)
    assert f"<h1>{line}</h1>" in html
    assert ("Approve it" in html) == bool(record.pending)


def test_a_plan_that_is_bound_already_is_not_approved_once_more() -> None:
    parsed = Parsed(page(plan_of(fleet(3), approved="approved.json"), PATH))
    assert "Approve it" not in parsed.of("h2")
    assert "approved.json was approved." in parsed.of("p")


def test_refusals_and_what_an_approval_confirms_come_first() -> None:
    record = plan_of(None, guards=("kataVersion 4.1.0 → 4.0.0",), refusals=("a lower version",))
    parsed = Parsed(page(record, PATH))
    assert parsed.of("li") == ["a lower version", "kataVersion 4.1.0 → 4.0.0"]
    assert "Approve it" in parsed.of("h2")
    assert parsed.of("pre")[0].splitlines()[-1] == "pulumi preview --stack my-cluster"


def test_a_plan_of_the_version_before_has_a_page_without_what_it_does_not_say() -> None:
    old = b"""{"schema": 2, "stack": "kata-deploy/s", "clusterUid": "u", "guards": [],
        "digest": "d", "pace": {"rollout.waves": []}, "counts": {"install": 2}, "nodes": [
        {"node": "a", "uid": "1", "action": "install", "reason": "new node", "wave": 0},
        {"node": "b", "uid": "2", "action": "install", "reason": "new node", "wave": 0}]}"""
    parsed = Parsed(page(plan_record.parse(old), PATH))
    assert parsed.of("span") == ["a,", "b"]
    assert {"zone", "kind", "container"}.isdisjoint(parsed.of("th"))
