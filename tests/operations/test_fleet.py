"""Which nodes a selection means, and what it costs to ask."""

from collections import Counter

import pytest

from kata_components.operations import fleet
from kata_components.operations.claim import Claim
from kata_components.planning.selection import Selection
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import NAMESPACE, cluster
from tests.model.virtual_loop import simulate


def api() -> FakeKubeApi:
    on = cluster(2)
    on.add_nodes("kvm", labels={"kvm": "yes"})
    on.add_nodes("metal", labels={"metal": "yes"})
    on.add_nodes("both", labels={"kvm": "yes", "metal": "yes"})
    return FakeKubeApi(on)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(selectors=("kvm", "metal")), ["both", "kvm", "metal"]),
        (Selection(selectors=("kvm",)), ["both", "kvm"]),
        (Selection(nodes=("metal",), selectors=("kvm",)), ["metal"]),
        (Selection(), ["both", "kvm", "metal", "node-00", "node-01"]),
        (Selection(selectors=("",)), ["both", "kvm", "metal", "node-00", "node-01"]),
        (Selection(selectors=("kvm", "")), ["both", "kvm", "metal", "node-00", "node-01"]),
    ],
)
def test_selectors_mean_every_node_that_fits_any_of_them_once(
    selection: Selection, expected: list[str]
) -> None:
    found = simulate(fleet.read(api(), NAMESPACE, "", selection))
    assert Counter(node.metadata.name for node in found.nodes) == Counter(expected)
    assert simulate(Claim.of(selection).nodes(api())) == frozenset(expected)


@pytest.mark.parametrize(
    ("selectors", "lists"), [((), 1), (("kvm",), 1), (("kvm", "metal"), 2), (("kvm", ""), 1)]
)
def test_each_selector_costs_one_list(selectors: tuple[str, ...], lists: int) -> None:
    asked = api()
    simulate(fleet.read(asked, NAMESPACE, "", Selection(selectors=selectors)))
    assert asked.asked.count("list_nodes") == lists


@pytest.mark.parametrize(
    ("selection", "words"),
    [
        (Selection(nodes=("a", "b"), selectors=("kvm",)), "job.nodes a, b"),
        (Selection(selectors=("kvm",)), "the node selector 'kvm'"),
        (Selection(selectors=("kvm", "metal")), "the node selectors 'kvm' or 'metal'"),
        (Selection(selectors=("kvm", "")), "any node"),
        (Selection(), "any node"),
    ],
)
def test_selection_is_named(selection: Selection, words: str) -> None:
    assert str(selection) == words
