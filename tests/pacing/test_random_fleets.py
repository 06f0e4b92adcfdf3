"""Whatever happens to a small fleet, the pacer keeps its limits and its order, and finishes."""

from math import inf
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from kata_components.pacing.node_run import Phase
from tests.pacing.random_fleet import Fleet


@settings(max_examples=300)
@given(st.integers(0, 2**32))
def test_every_node_settles_and_the_books_are_right(seed: int) -> None:
    fleet = Fleet(Random(seed))
    fleet.run()
    nodes, budget = fleet.pacer.nodes, fleet.pacer.budget
    waiting = nodes.within(Phase.QUEUED)
    assert not waiting or budget.stop_reason
    ended = (Phase.DONE, Phase.FAILED, Phase.DEPARTED)
    assert len(nodes.within(*ended)) + len(waiting) == len(fleet.hosts)
    for node in nodes.within(Phase.DONE):
        host = fleet.hosts[node]
        assert host.labelled or host.missed or host.gone_at < fleet.now
    lost = [node for node in nodes.within(Phase.FAILED, Phase.DEPARTED) if nodes[node].step.canary]
    failed = len(nodes.within(Phase.FAILED))
    assert budget.allows("another") == (failed <= fleet.allowed and not lost)


@settings(max_examples=100)
@given(st.integers(0, 2**32))
def test_a_fleet_that_serves_in_the_end_is_done_whatever_the_requests_go_through(
    seed: int,
) -> None:
    fleet = Fleet(Random(seed))
    for host in fleet.hosts.values():
        host.job_fails, host.gone_at = False, inf
        host.ready_after = 0.0 if host.ready_after == inf else host.ready_after
        host.served_after = 0.0 if host.served_after == inf else host.served_after
    fleet.run()
    assert len(fleet.pacer.nodes.within(Phase.DONE)) == len(fleet.hosts)
