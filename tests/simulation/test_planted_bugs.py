"""Each safeguard of the product, taken away, breaks a promise.

The numbers are where that was found, counted from seed 0. The search begins a little before, since what a seed means
shifts with every change of the product, and goes on for `MOST` histories.
"""

import pytest

from tests.simulation import bugs, fact_bugs, pace_bugs, pacer_bugs  # noqa: F401 - importing them makes the bugs known
from tests.simulation.broken import BrokenPromiseError
from tests.simulation.history import play
from tests.simulation.planting import BUGS

MOST = 1500
FOUND_AT = {
    "lists_may_be_stale": 0,
    "mark_is_written_with_the_job": 0,
    "marks_of_another_namespace_are_taken_for_ours": 0,
    "nodes_are_read_before_their_jobs": 0,
    "nodes_of_another_namespace_are_installed_again": 0,
    "job_of_a_reinstalled_machine_is_believed": 1,
    "lost_label_is_no_reason_to_do_anything": 1,
    "wave_opens_when_the_one_before_has_begun": 1,
    "unmarked_nodes_lose_their_jobs_at_the_end": 3,
    "waves_are_larger_than_asked": 3,
    "earlier_failures_are_forgotten": 7,
    "destroy_without_a_lease_looks_at_nothing": 8,
    "no_answer_counts_as_failure": 9,
    "slot_is_freed_when_no_answer_comes": 9,
    "canary_is_not_awaited": 12,
    "name_that_is_taken_is_tried_for_ever": 17,
    "waves_do_not_soak": 18,
    "jobs_are_removed_by_the_run_that_made_them_or_never": 19,
    "budget_is_rounded_up": 23,
    "canary_that_departs_is_no_reason_to_stop": 26,
    "destroy_ignores_nodes_that_could_not_be_cleaned": 33,
    "only_marked_nodes_are_cleaned": 33,
    "events_are_told_apart_by_name": 39,
    "failures_of_nodes_that_are_down_do_not_count": 51,
    "mark_is_written_without_a_fresh_lease": 51,
    "begun_cleanup_is_not_seen": 91,
    "lease_of_another_run_is_taken_at_once": 91,
    "changes_are_never_listed_again": 124,
    "soak_that_was_cut_off_is_forgotten": 147,
    "lease_counts_as_fresh_for_ever": 205,
    "lease_taken_by_another_is_taken_back": 205,
    "no_trace_is_left_before_a_job_is_replaced": 282,
    "jobs_of_others_are_not_counted": 321,
    "failure_counts_only_once_it_is_explained": 331,
    "running_job_is_deleted_for_the_next": 337,
    "mark_is_believed_whatever_has_worked_since": 407,
    "running_jobs_are_not_waited_for": 719,
    "failures_before_the_first_list_are_passed_over": 997,
    "cleaned_nodes_are_planned_again_while_a_dead_one_is_waited_for": 1088,
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
"""What no bug needs that does not ask for it: without them the others are met sooner."""


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
