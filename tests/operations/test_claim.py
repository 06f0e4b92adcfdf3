"""The claim on the Lease: what it keeps of a selection, and how much room that takes."""

import json

import pytest

from kata_components import names
from kata_components.operations.claim import Claim
from kata_components.planning.selection import Selection
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import LEASE, cluster, request, roll_out
from tests.model.virtual_loop import simulate

BYTES = 256 * 1024
"""The annotations of one object together."""


@pytest.mark.parametrize(
    "selection",
    [
        Selection(nodes=("a", "b"), selectors=("kvm",)),
        Selection(selectors=("kvm", "metal")),
        Selection(),
    ],
)
def test_claim_is_read_back_as_it_was_written(selection: Selection) -> None:
    claim = Claim.of(selection)
    assert Claim.parse(claim.render()) == claim


def test_claim_of_an_older_version_has_the_names_themselves() -> None:
    old = json.dumps({"nodes": ["a", "b"], "selectors": []})
    assert Claim.parse(old) == Claim.of(Selection(nodes=("b", "a")))


@pytest.mark.parametrize("text", [None, "", "{", "[]", "{}", '{"nodes": []}', '{"selectors": 1}'])
def test_unreadable_claim_is_none(text: str | None) -> None:
    assert Claim.parse(text) is None


def test_claim_on_thousands_of_names_leaves_room_on_the_lease() -> None:
    nodes = tuple(
        f"ip-10-0-{number}.eu-central-1.compute.internal.example" for number in range(15_000)
    )
    assert len(json.dumps(nodes)) > BYTES
    assert len(Claim.of(Selection(nodes=nodes)).render()) < BYTES - 16 * 1024


def test_rollout_claims_the_nodes_it_was_given_by_name_and_no_others() -> None:
    on = cluster(3)
    simulate(roll_out(FakeKubeApi(on), request(selection=Selection(nodes=("node-00", "node-02")))))
    claim = Claim.parse(on.leases[LEASE]["metadata"]["annotations"][names.CLAIM_ANNOTATION])
    assert claim is not None
    assert simulate(claim.nodes(FakeKubeApi(on))) == {"node-00", "node-02"}
