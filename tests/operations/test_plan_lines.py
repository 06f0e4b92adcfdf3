"""The lines of a plan, as a person reads them."""

import re
from dataclasses import replace

import pytest
from hypothesis import given

from kata_components.operations.plan_lines import plan_lines
from kata_components.planning.node_jobs import JobState
from kata_components.planning.plan import NOTHING, Plan, plan
from kata_components.planning.step import Action, Barrier, Step
from kata_components.planning.verdict import Rules
from tests.planning.builders import DIGEST, job, mark_of, node
from tests.planning.test_grouping import cleanups, rollouts

RULES = Rules(suffix="", namespace="kata", digests={1: DIGEST}, waves=("canary", "50%", "100%"))
ONE_WAVE = replace(RULES, waves=())
OLD = "bbbbbbbbbbbb"


def lines_of(shown: Plan, *, cleanup: Plan = NOTHING, full_list: str | None = None) -> list[str]:
    """Return the lines below the summary."""
    return plan_lines(shown, parallelism=10, cleanup=cleanup, full_list=full_list)[1:]


def skipped(name: str, reason: str, barrier: Barrier | None = None) -> Step:
    [step] = plan([node(name)], [], ONE_WAVE).steps
    return replace(step.skipped(reason), barrier=barrier)


def planned(*steps: Step) -> Plan:
    return Plan(digest=DIGEST, steps=steps)


def test_a_mixed_fleet_is_told_by_wave_action_and_reason() -> None:
    fleet = [
        *(node(f"n-{n:02}") for n in range(1, 9)),
        *(node(f"old-{n}", marked=mark_of(f"old-{n}", digest=OLD)) for n in range(1, 5)),
        node("arm-1", arch="arm64"),
        node("down", ready=False),
        node("done", marked=mark_of("done")),
    ]
    failed = job("n-03", JobState.FAILED)
    assert lines_of(plan(fleet, [failed], RULES)) == [
        "  wave 1: retry n-03: failed before: BackoffLimitExceeded; see `kubectl -n kata describe "
        "jobs,pods -l kata-deploy-job-dispatcher/owner=kata-deploy-install`",
        "  wave 1, canary: install arm-1 (arm64, Ubuntu 24.04)",
        "  wave 2: install 5 new nodes: n-01, n-02, n-04 … n-06",
        "  wave 3: install 2 new nodes: n-07, n-08",
        "  wave 3: upgrade 4 nodes (old-1 … old-4): Kata 4.0.0 with digest bbbbbbbbbbbb is "
        "installed",
        "  skipped down: NotReady",
    ]


def test_canaries_of_one_system_are_told_apart_by_kernel_and_container_runtime() -> None:
    fleet = [node("a"), node("b", kernel="6.12.1")]
    assert lines_of(plan(fleet, [], RULES)) == [
        "  canaries: install a (amd64, Ubuntu 24.04, kernel 6.8, containerd://2.1.0), "
        "b (amd64, Ubuntu 24.04, kernel 6.12, containerd://2.1.0)"
    ]


def test_actions_of_a_wave_are_put_together_in_a_plan_of_many_waves() -> None:
    [new] = plan([node("n")], [], ONE_WAVE).steps
    old = replace(new, action=Action.UPGRADE, reason="old is installed")
    steps = [
        replace(kind, node=f"w{wave:02}-{number}", wave=wave)
        for wave in range(12)
        for number, kind in enumerate([old, new, old])
    ]
    lines = lines_of(planned(*steps))
    what = "1 install, 2 upgrade (w00-0 … w00-2): old is installed; new node"
    assert lines[0] == f"  wave 1: {what}"
    assert lines[9].startswith("  waves 10 to 12: 3 install, 6 upgrade (w09-0 … w09-2, w10-0 … ")


def test_cleanup_comes_after_the_rollout_and_says_what_it_leaves_out() -> None:
    gone = [
        replace(skipped(f"gone-{n}", "marked by this stack"), action=Action.CLEANUP) for n in (1, 2)
    ]
    cleanup = planned(*gone, skipped("gone-3", "NotReady"))
    assert lines_of(plan([node("a")], [], ONE_WAVE), cleanup=cleanup) == [
        "  install 1 new node: a",
        "  then cleanup: 2 nodes (gone-1, gone-2): marked by this stack",
        "  then cleanup: skipped gone-3: NotReady",
    ]


def test_many_reasons_are_counted_and_the_rest_is_said_to_be_in_the_full_list() -> None:
    away = [skipped(f"n{n}", f"taint {n}", Barrier.TAINT) for n in range(1, 31)]
    late = [skipped("late", "beyond the last wave")]
    assert lines_of(planned(*away, *late), full_list="reports/plan.html") == [
        "  skipped 30 nodes (n1 … n30): taint 1; taint 2; taint 3; and 27 more reasons",
        "  skipped late: beyond the last wave",
        "  each node with its reason: reports/plan.html",
    ]


@pytest.mark.parametrize(("ranges", "is_whole"), [("abcde", True), ("abcdef", False)])
def test_how_to_get_the_full_list_is_said_if_a_line_leaves_nodes_out(
    ranges: str, is_whole: bool
) -> None:
    fleet = [node(f"{pool}{number}") for pool in ranges for number in (1, 2, 3)]
    lines = lines_of(plan(fleet, [], ONE_WAVE))
    assert lines[0].endswith("e1 … e3" if is_whole else "e1 … e3 and 3 more")
    hint = "  set rollout.reportDir to get each node with its reason in a plan.html"
    assert lines[1:] == ([] if is_whole else [hint])


@given(rollouts, cleanups)
def test_few_lines_name_a_reason_for_every_kind_of_skipped_node(
    rollout: Plan, cleanup: Plan
) -> None:
    lines = lines_of(rollout, cleanup=cleanup)
    assert len(lines) <= 11
    left_alone = [step for step in rollout.steps if step.action is Action.SKIPPED]
    text = [line for line in lines if line.startswith("  skipped ")]
    named = set(re.findall(r"because \d+", "\n".join(text)))
    more = sum(map(int, re.findall(r"and (\d+) more reason", "\n".join(text))))
    assert len(named) + more == len({step.reason for step in left_alone})
    assert {step.barrier for step in left_alone if step.reason in named} == {
        step.barrier for step in left_alone
    }
