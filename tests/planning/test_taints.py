"""Taints and tolerations as Kubernetes matches them, for Jobs pinned to nodes."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kata_components.kubernetes.nodes import Taint
from kata_components.planning.plan import plan
from kata_components.planning.step import Action, Barrier
from kata_components.planning.taints import blocking
from kata_components.planning.verdict import Rules
from sandbox.dispatcher.taints import blocker
from tests.planning.builders import DIGEST, mark_of, node

GPU = Taint(key="gpu", value="yes", effect="NoSchedule")


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "gpu", "operator": "Exists"},
        {"key": "gpu", "operator": "Exists", "effect": "NoSchedule"},
        {"key": "gpu", "value": "yes"},
        {"key": "gpu", "operator": "Equal", "value": "yes", "effect": "NoSchedule"},
        {"operator": "Exists"},
    ],
)
def test_a_toleration_of_the_taint_lets_the_job_in(toleration: dict[str, str]) -> None:
    assert blocking(node("a", taints=[GPU]), [toleration]) == ""


@pytest.mark.parametrize(
    "toleration",
    [
        {"key": "gpu"},
        {"key": "gpu", "value": "no"},
        {"key": "gpu", "operator": "Exists", "effect": "NoExecute"},
        {"key": "other", "operator": "Exists"},
    ],
)
def test_a_toleration_of_something_else_does_not(toleration: dict[str, str]) -> None:
    assert blocking(node("a", taints=[GPU]), [toleration]) == "gpu=yes:NoSchedule"


@pytest.mark.parametrize(
    ("taint", "blocks"),
    [
        (Taint(key="any", effect="PreferNoSchedule"), False),
        (Taint(key="node.kubernetes.io/unschedulable", effect="NoSchedule"), False),
        (Taint(key="node.kubernetes.io/not-ready", effect="NoExecute"), False),
        (Taint(key="node.kubernetes.io/not-ready", effect="NoSchedule"), True),
        (Taint(key="node.kubernetes.io/network-unavailable", effect="NoSchedule"), True),
    ],
)
def test_without_tolerations_those_of_a_daemon_set_count(taint: Taint, blocks: bool) -> None:
    assert bool(blocking(node("a", taints=[taint]), [])) is blocks


keys = st.sampled_from(["a", "b", "node.kubernetes.io/not-ready"])
values = st.sampled_from(["", "x", "y"])
effects = st.sampled_from(["NoSchedule", "NoExecute", "PreferNoSchedule"])
tolerations = st.fixed_dictionaries(
    {},
    optional={
        "key": keys | st.just(""),
        "operator": st.sampled_from(["Exists", "Equal"]),
        "value": values,
        "effect": effects | st.just(""),
    },
)


@given(
    found=st.lists(st.tuples(keys, values, effects), max_size=3),
    given_=st.lists(tolerations, max_size=3),
)
def test_the_plan_and_the_dispatcher_agree(
    found: list[tuple[str, str, str]], given_: list[dict[str, Any]]
) -> None:
    machine = node(
        "a", taints=[Taint(key=key, value=value, effect=effect) for key, value, effect in found]
    )
    seen = {
        "spec": {
            "taints": [
                {"key": key, "value": value, "effect": effect} for key, value, effect in found
            ]
        }
    }
    template = {"spec": {"template": {"spec": {"tolerations": given_}}}}
    assert bool(blocking(machine, given_)) is bool(blocker(seen, template))


@pytest.mark.parametrize(
    ("tolerated", "expected"),
    [(None, Action.INSTALL), ([], Action.SKIPPED), ([{"operator": "Exists"}], Action.INSTALL)],
)
def test_tainted_nodes_are_left_alone_where_taints_count(
    tolerated: list[dict[str, str]] | None, expected: Action
) -> None:
    planned = plan(
        [node("a", taints=[GPU])], [], Rules(suffix="", digests={1: DIGEST}, tolerations=tolerated)
    )
    [step] = planned.steps
    assert step.action is expected
    assert planned.behind(Barrier.TAINT) == ([step] if expected is Action.SKIPPED else [])
    assert (
        expected is Action.INSTALL
        or step.reason == "tolerations do not cover the taint gpu=yes:NoSchedule"
    )


def test_a_node_that_is_done_stays_done_when_it_is_tainted() -> None:
    done = node("a", marked=mark_of("a"), taints=[GPU])
    [step] = plan([done], [], Rules(suffix="", digests={1: DIGEST}, tolerations=[])).steps
    assert step.action is Action.UP_TO_DATE
