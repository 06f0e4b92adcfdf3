"""Without any one of the product's safeguards, a promise breaks.

The numbers are the first seeds with which that was found. The search begins a little before, since
the meaning of a seed shifts with every change of the product, and goes on for `MOST` histories.
"""

import pytest

from tests.simulation import (  # noqa: F401 - registers bugs
    bugs,
    fact_bugs,
    pace_bugs,
    pacer_bugs,
    protocol_bugs,
)
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.history import play
from tests.simulation.planting import BUGS

MOST = 1500
FOUND_AT = {
    "cleanup_begins_on_a_node_that_looks_installed": 0,
    "destroy_without_a_lease_looks_at_nothing": 0,
    "jobs_are_not_told_about_their_nodes": 0,
    "labels_need_not_hold": 0,
    "mark_is_written_with_the_job": 0,
    "marks_of_another_namespace_are_taken_for_ours": 0,
    "node_that_only_lacks_its_mark_is_installed_again": 0,
    "nodes_are_not_claimed": 0,
    "nodes_of_another_namespace_are_installed_again": 0,
    "pod_is_replaced_while_it_ends": 0,
    "shared_label_goes_with_the_first_installation": 0,
    "destroy_ignores_nodes_that_could_not_be_cleaned": 1,
    "failed_node_has_no_trace_before_its_job_is_removed": 1,
    "failing_plugin_ends_the_run": 1,
    "node_that_a_quota_leaves_no_room_for_counts_as_failed": 1,
    "node_that_serves_is_closed_for_its_upgrade": 1,
    "nodes_are_labelled_before_they_serve": 1,
    "wave_opens_when_the_one_before_has_begun": 1,
    "what_became_of_jobs_stays_after_a_cleanup": 1,
    "label_of_another_installation_is_taken": 2,
    "job_of_a_reinstalled_machine_is_believed": 3,
    "jobs_are_made_for_nodes_that_report_nothing": 3,
    "lost_label_is_no_reason_to_do_anything": 3,
    "waves_are_larger_than_asked": 3,
    "one_node_more_than_may_wait_does": 4,
    "unmarked_nodes_lose_their_jobs_at_the_end": 5,
    "begun_cleanup_is_not_seen": 6,
    "pods_of_a_deleted_job_are_not_waited_for": 6,
    "canary_is_not_awaited": 9,
    "canary_that_departs_is_no_reason_to_stop": 9,
    "changes_are_never_listed_again": 9,
    "lists_may_be_stale": 9,
    "earlier_failures_are_forgotten": 15,
    "failures_of_nodes_that_are_down_do_not_count": 15,
    "nodes_that_did_not_serve_in_earlier_runs_are_forgotten": 16,
    "waves_do_not_soak": 18,
    "budget_is_rounded_up": 25,
    "failure_counts_only_once_it_is_explained": 25,
    "name_that_is_taken_is_tried_forever": 25,
    "no_trace_is_left_before_a_job_is_replaced": 25,
    "classes_change_before_nodes_are_labelled": 26,
    "no_answer_counts_as_failure": 39,
    "node_that_is_left_out_counts_as_failed": 39,
    "nodes_are_installed_though_not_ready_since_the_plan": 39,
    "what_gets_nowhere_is_tried_forever": 41,
    "jobs_of_another_installation_are_not_waited_for": 48,
    "only_marked_nodes_are_cleaned": 57,
    "startup_taint_that_was_left_is_no_reason_to_do_anything": 76,
    "claims_overwrite_what_others_have_just_written": 79,
    "mark_is_written_without_a_fresh_lease": 103,
    "jobs_are_removed_by_the_run_that_made_them_or_never": 111,
    "nodes_are_installed_though_deselected_since_the_plan": 112,
    "nodes_are_cleaned_though_selected_since_the_plan": 117,
    "node_that_does_not_serve_stays_open": 144,
    "events_are_told_apart_by_name": 181,
    "lease_of_another_run_is_taken_at_once": 195,
    "jobs_of_others_are_not_counted": 199,
    "what_waits_for_a_connection_is_sent_after_a_sleep": 239,
    "soak_that_was_cut_off_is_forgotten": 313,
    "mark_is_believed_whatever_has_worked_since": 379,
    "slot_is_freed_when_no_answer_comes": 437,
    "canary_is_judged_by_handlers_from_before": 485,
    "lease_taken_by_another_is_taken_back": 721,
    "lease_counts_as_fresh_forever": 1371,
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
        "token_free",
        "upgrades",
        "startup_taints",
        "old_labels",
        "handlers_late",
        "ready_late",
        "handlers_never",
        "ready_too_late",
        "unreported",
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
    for name, bug in BUGS.items():
        play(FOUND_AT[name], **ODDITIES | bug.often)
