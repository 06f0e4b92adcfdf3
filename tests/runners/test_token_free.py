"""Rollouts at 4.1.0 that this process paces: what happens behind the Jobs of nodes."""

from collections import Counter

from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster, roll_out
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.token_free import labels, wanted


def test_nodes_are_claimed_installed_labelled_and_marked() -> None:
    on = cluster(7, kubelet=Kubelet(handlers_after=2.0))
    api = FakeKubeApi(on)
    done = simulate(roll_out(api, wanted()))
    assert (done.outcome.installed, done.failure) == (7, "")
    assert on.marked() == sorted(on.nodes)
    assert {labels(on, node) for node in on.nodes} == {("true", "true")}
    assert (on.most_active, on.jobs) == (3, {})


def test_a_node_takes_five_requests_at_most() -> None:
    on = cluster(200, kubelet=Kubelet(handlers_after=0.0))
    api = FakeKubeApi(on)
    done = simulate(roll_out(api, wanted(50)))
    assert (done.outcome.installed, done.failure) == (200, "")
    spent = Counter(api.asked)
    del spent["replace_lease"]
    assert spent.total() <= 200 * 5.1, spent
