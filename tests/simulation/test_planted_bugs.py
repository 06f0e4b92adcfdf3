"""Each safeguard of the product, taken away, breaks a promise.

The numbers are where that was found, counted from seed 0. The search begins a little before, since what a seed means
shifts with every change of the product, and goes on for `MOST` histories.
"""

import pytest

from tests.simulation import bugs  # noqa: F401 - importing it makes the bugs known
from tests.simulation.history import play
from tests.simulation.planting import BUGS
from tests.simulation.promises import BrokenPromiseError

MOST = 1500
FOUND_AT = {
    "job_of_a_reinstalled_machine_is_believed": 0,
    "mark_is_written_with_the_job": 0,
    "begun_cleanup_is_not_seen": 1,
    "destroy_without_a_lease_looks_at_nothing": 1,
    "lists_may_be_stale": 7,
    "canary_is_not_awaited": 8,
    "unmarked_nodes_lose_their_jobs_at_the_end": 11,
    "canary_that_departs_is_no_reason_to_stop": 30,
    "failure_counts_only_once_it_is_explained": 34,
    "destroy_ignores_nodes_that_could_not_be_cleaned": 39,
    "events_are_told_apart_by_name": 45,
    "slot_is_freed_when_no_answer_comes": 66,
    "failures_of_nodes_that_are_down_do_not_count": 77,
    "only_marked_nodes_are_cleaned": 80,
    "changes_are_never_listed_again": 217,
    "nodes_are_read_before_their_jobs": 230,
    "mark_is_written_without_a_fresh_lease": 237,
    "no_answer_counts_as_failure": 256,
    "running_jobs_are_not_waited_for": 283,
    "lease_of_another_run_is_taken_at_once": 317,
    "restored_lease_is_free_at_once": 347,
    "running_job_is_deleted_for_the_next": 366,
    "lease_counts_as_fresh_for_ever": 415,
    "mark_is_believed_whatever_has_worked_since": 429,
    "jobs_of_others_are_not_counted": 477,
    "lease_is_given_back_with_a_request_under_way": 513,
    "lease_taken_by_another_is_taken_back": 558,
    "earlier_failures_are_forgotten": 591,
    "no_trace_is_left_before_a_job_is_replaced": 701,
}


def play_from(first: int, often: dict[str, float]) -> None:
    for seed in range(first, first + MOST):
        play(seed, **often)


@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_is_found(name: str) -> None:
    bug = BUGS[name]
    with bug.plant(), pytest.raises(BrokenPromiseError):
        play_from(max(0, FOUND_AT[name] - 5), bug.often)


def test_the_same_histories_hold_without_the_bugs() -> None:
    for bug in BUGS.values():
        for seed in range(5):
            play(seed, **bug.often)
