"""Without any one of the product's safeguards, a promise breaks.

The numbers are the first seeds with which that was found. The search begins a little before, since
the meaning of a seed shifts with every change of the product, and goes on for `MOST` histories.
"""

import pytest

from tests.simulation import bugs, fact_bugs, pace_bugs, pacer_bugs  # noqa: F401 - registers bugs
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.history import play
from tests.simulation.planting import BUGS

MOST = 1500
FOUND_AT = {
    "destroy_without_a_lease_looks_at_nothing": 0,
    "mark_is_written_with_the_job": 0,
    "marks_of_another_namespace_are_taken_for_ours": 0,
    "nodes_of_another_namespace_are_installed_again": 0,
    "pod_is_replaced_while_it_ends": 0,
    "destroy_ignores_nodes_that_could_not_be_cleaned": 1,
    "failed_node_has_no_trace_before_its_job_is_removed": 1,
    "failing_plugin_ends_the_run": 1,
    "no_trace_is_left_before_a_job_is_replaced": 1,
    "node_that_a_quota_leaves_no_room_for_counts_as_failed": 1,
    "wave_opens_when_the_one_before_has_begun": 1,
    "label_of_another_installation_is_taken": 2,
    "job_of_a_reinstalled_machine_is_believed": 3,
    "waves_are_larger_than_asked": 3,
    "unmarked_nodes_lose_their_jobs_at_the_end": 5,
    "pods_of_a_deleted_job_are_not_waited_for": 6,
    "canary_is_not_awaited": 9,
    "what_gets_nowhere_is_tried_forever": 13,
    "canary_that_departs_is_no_reason_to_stop": 15,
    "name_that_is_taken_is_tried_forever": 17,
    "waves_do_not_soak": 18,
    "earlier_failures_are_forgotten": 25,
    "failures_of_nodes_that_are_down_do_not_count": 26,
    "lists_may_be_stale": 26,
    "lost_label_is_no_reason_to_do_anything": 28,
    "changes_are_never_listed_again": 39,
    "no_answer_counts_as_failure": 39,
    "budget_is_rounded_up": 41,
    "failure_counts_only_once_it_is_explained": 41,
    "jobs_of_another_installation_are_not_waited_for": 48,
    "only_marked_nodes_are_cleaned": 57,
    "begun_cleanup_is_not_seen": 65,
    "nodes_are_installed_though_not_ready_since_the_plan": 75,
    "node_that_is_left_out_counts_as_failed": 85,
    "nodes_are_cleaned_though_selected_since_the_plan": 101,
    "jobs_are_removed_by_the_run_that_made_them_or_never": 103,
    "mark_is_written_without_a_fresh_lease": 103,
    "nodes_are_installed_though_deselected_since_the_plan": 112,
    "mark_is_believed_whatever_has_worked_since": 115,
    "events_are_told_apart_by_name": 181,
    "lease_of_another_run_is_taken_at_once": 195,
    "jobs_of_others_are_not_counted": 199,
    "what_waits_for_a_connection_is_sent_after_a_sleep": 239,
    "soak_that_was_cut_off_is_forgotten": 313,
    "slot_is_freed_when_no_answer_comes": 437,
    "cleaned_nodes_are_planned_again_while_a_dead_one_is_waited_for": 713,
    "lease_taken_by_another_is_taken_back": 721,
    "lease_counts_as_fresh_forever": 985,
}


ODDITIES = dict.fromkeys(
    (
        "other_timeout",
        "denied",
        "slow_job",
        "ends_after_plan",
        "name_taken",
        "deletion_held",
        "soaks",
        "attempts",
        "percentages",
        "clock_set",
        "survives_sleep",
        "refused",
        "pod_evicted",
        "label_lost",
        "deselected",
        "plugin_fails",
        "slow_writes",
        "stuck",
        "churn",
        "second",
        "rival",
        "adopts",
        "large",
        "pod_outlives",
        "quota",
        "janitor",
        "cleans",
    ),
    0.0,
)
"""Faults that are off for bugs that do not ask for them, so that the bugs are found sooner."""


def play_from(first: int, often: dict[str, float]) -> None:
    for seed in range(first, first + MOST):
        play(seed, **often)


@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_is_found(name: str) -> None:
    bug = BUGS[name]
    with bug.plant(), pytest.raises(BrokenPromiseError):
        play_from(max(0, FOUND_AT[name] - 5), ODDITIES | bug.often)


def test_the_same_histories_hold_without_the_bugs() -> None:
    for bug in BUGS.values():
        for seed in range(5):
            play(seed, **ODDITIES | bug.often)
