"""Labels that an installed node has lost are put back: one write, no Job."""

import pytest

from kata_components import names
from kata_components.operations.preview import preview
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import cluster, request, roll_out
from tests.model.virtual_loop import simulate


def with_lost_labels(*lost: str) -> Cluster:
    on = cluster(6)
    simulate(roll_out(FakeKubeApi(on), request()))
    on.starts.clear()
    for node in lost:
        del on.nodes[node]["metadata"]["labels"][names.RUNTIME_LABEL]
    return on


def test_lost_labels_are_put_back_by_one_write_each_and_the_mark_stays() -> None:
    on, api = with_lost_labels("node-01", "node-04"), None
    before = {name: dict(node["metadata"]["annotations"]) for name, node in on.nodes.items()}
    api = FakeKubeApi(on)
    done = simulate(roll_out(api, request()))
    assert (
        done.outcome.relabelled,
        done.outcome.up_to_date,
        done.outcome.installed,
        done.failure,
    ) == (2, 4, 0, "")
    assert on.starts == []
    assert api.asked.count("patch_node") == 2
    assert {node["metadata"]["labels"][names.RUNTIME_LABEL] for node in on.nodes.values()} == {
        "true"
    }
    assert {name: node["metadata"]["annotations"] for name, node in on.nodes.items()} == before
    assert simulate(preview(FakeKubeApi(on), request())).plan.pending == ()


@pytest.mark.parametrize("parallelism", [1, 3])
def test_relabelling_takes_no_slot(parallelism: int) -> None:
    on = with_lost_labels("node-00", "node-01", "node-02", "node-03")
    on.add_nodes("new-0", "new-1", "new-2")
    done = simulate(roll_out(FakeKubeApi(on), request(parallelism)))
    assert (done.outcome.relabelled, done.outcome.installed) == (4, 3)
    assert on.most_active == max(parallelism, 3)
