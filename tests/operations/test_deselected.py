"""Nodes that are no longer selected: kept and told, or cleaned after all installs."""

from dataclasses import replace
from itertools import groupby
from typing import Any

from kata_components.operations.preview import preview
from kata_components.planning.requests import InstallRequest
from kata_components.planning.selection import Selection
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import CLEANUP, Told, approved, cluster, request, roll_out
from tests.model.virtual_loop import simulate


def deselecting(**changes: Any) -> InstallRequest:
    """Return a request that no longer selects the nodes of pool `old`."""
    return request(selection=Selection(selectors=("pool!=old",)), cleanup=CLEANUP, **changes)


def with_old_pool(new: int, old: int) -> Cluster:
    on = cluster(new)
    on.add_nodes(*(f"old-{number}" for number in range(old)), labels={"pool": "old"})
    simulate(roll_out(FakeKubeApi(on), request()))
    on.starts.clear()
    return on


def test_deselected_nodes_are_kept_and_told_unless_they_are_to_be_cleaned() -> None:
    on = with_old_pool(20, 2)
    found = simulate(preview(FakeKubeApi(on), replace(deselecting(), cleanup=None)))
    assert (found.deselected, found.cleanup.steps, found.refusals) == (["old-0", "old-1"], (), [])


def test_deselected_nodes_are_cleaned_after_all_installs() -> None:
    on = with_old_pool(20, 2)
    on.add_nodes("node-new")
    done = simulate(roll_out(FakeKubeApi(on), deselecting()))
    assert on.starts == ["node-new", "old-0", "old-1"]
    assert (done.outcome.installed, done.outcome.cleaned, done.failure) == (1, 2, "")
    assert not {"old-0", "old-1"} & set(on.marked())
    assert on.jobs == {}


def test_progress_says_what_is_done_to_the_nodes() -> None:
    on, told = with_old_pool(20, 2), Told()
    on.add_nodes("node-new")
    simulate(roll_out(FakeKubeApi(on), deselecting(), told))
    assert [stage for stage, _ in groupby(told.stages)] == ["install", "cleanup"]
    assert told.shown[-1].total == 2


def test_deselected_nodes_wait_while_an_install_has_failed() -> None:
    on = with_old_pool(20, 2)
    on.add_nodes("node-new")
    on.fates["node-new"] = "fails"
    done = simulate(roll_out(FakeKubeApi(on), deselecting()))
    assert on.starts == ["node-new"]
    assert (done.outcome.failed, done.outcome.cleaned) == (1, 0)


def test_node_that_cannot_be_cleaned_fails_the_rollout_and_is_tried_again() -> None:
    on = with_old_pool(20, 2)
    on.fates["old-0"] = "fails"
    done = simulate(roll_out(FakeKubeApi(on), deselecting()))
    assert (done.outcome.cleaned, done.outcome.failed_nodes) == (1, ("old-0",))
    assert done.failure.startswith("1 node could not be cleaned")
    del on.fates["old-0"]
    assert simulate(roll_out(FakeKubeApi(on), deselecting())).outcome.cleaned == 1


def test_cleaning_more_than_a_tenth_needs_an_approved_plan() -> None:
    on = with_old_pool(5, 2)
    wanted = deselecting()
    found = simulate(preview(FakeKubeApi(on), wanted))
    assert found.guards == ["cleaning 2 of 7 nodes"]
    assert "2 nodes are no longer selected and would be cleaned (old-0, old-1)" in found.refusals[0]
    assert simulate(roll_out(FakeKubeApi(on), approved(found, wanted))).outcome.cleaned == 2


def test_approved_cleaning_that_was_cut_off_goes_on_and_further_nodes_wait() -> None:
    on = with_old_pool(5, 4)
    found = simulate(preview(FakeKubeApi(on), deselecting()))
    bound = approved(found, deselecting())
    on.fates["old-0"] = "fails"
    assert simulate(roll_out(FakeKubeApi(on), bound)).outcome.cleaned == 3
    on.fates.clear()
    on.nodes["node-00"]["metadata"]["labels"]["pool"] = "old"
    done = simulate(roll_out(FakeKubeApi(on), bound))
    assert (done.outcome.cleaned, done.failure) == (1, "")
    assert on.marked() == [f"node-{number:02}" for number in range(5)]


def test_unapproved_newcomers_are_left_alone() -> None:
    on = cluster(3)
    found = simulate(preview(FakeKubeApi(on), request()))
    on.add_nodes("node-new")
    done = simulate(roll_out(FakeKubeApi(on), approved(found, request())))
    assert "node-new" not in on.starts
    assert (done.outcome.installed, done.outcome.skipped) == (3, 1)
