"""From 4.1.0 to 4.2.0 on a fleet that serves: new stages, in the way of any upgrade."""

from dataclasses import replace
from typing import Any

import pytest

from kata_components import names
from kata_components.operations import prelabel
from kata_components.operations.preview import preview
from kata_components.planning import guardrails, node_mark
from kata_components.planning.prelabel import PrelabelRequest
from kata_components.planning.requests import InstallRequest
from kata_components.planning.step import Action
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.history import Change
from tests.model.installation import NAMESPACE, cluster, roll_out
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.dispatching import configured, request
from tests.runners.token_free import labels

NODES = 8


class Watched(Cluster):
    """Keeps the containers of all Jobs, and the nodes that were without their labels meanwhile."""

    def __init__(self, **settings: Any) -> None:
        self.made: list[dict[str, Any]] = []
        self.out_of_scheduling: set[str] = set()
        super().__init__(**settings)

    def node_changed(self, name: str, kind: Change = "MODIFIED") -> None:
        super().node_changed(name, kind)
        if labels(self, name) != ("true", "true"):
            self.out_of_scheduling.add(name)

    def create_job(self, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
        pod = manifest["spec"]["template"]["spec"]
        self.made += [*pod["initContainers"], *pod["containers"]]
        return super().create_job(namespace, manifest)


def wanted(version: str) -> InstallRequest:
    return replace(request(configured(version)), waves=("canary", "50%", "100%"), max_failures=3)


def of_4_1_0() -> Watched:
    on = cluster(NODES, kind=Watched, kubelet=Kubelet(handlers_after=1.0))
    assert isinstance(on, Watched)
    assert simulate(roll_out(FakeKubeApi(on), wanted("4.1.0"))).outcome.installed == NODES
    assert not privileged(on)
    on.starts.clear()
    on.made.clear()
    on.out_of_scheduling.clear()
    return on


def privileged(on: Watched) -> set[str]:
    return {c["name"] for c in on.made if c["securityContext"].get("privileged")}


def versions(on: Cluster) -> list[str]:
    key = names.mark_annotation("")
    marks = [node_mark.parse(n["metadata"]["annotations"].get(key)) for n in on.nodes.values()]
    return sorted(mark.kata_version for mark in marks if mark and mark.digest)


def test_every_node_is_upgraded_in_waves_and_takes_pods_all_the_time() -> None:
    on = of_4_1_0()
    found = simulate(preview(FakeKubeApi(on), wanted("4.2.0")))
    assert not found.refusals
    assert {step.action for step in found.plan.steps} == {Action.UPGRADE}
    assert [step.canary for step in found.plan.steps].count(True) == 1
    assert len({step.wave for step in found.plan.steps}) == 3
    done = simulate(roll_out(FakeKubeApi(on), wanted("4.2.0")))
    assert (done.outcome.installed, done.failure) == (NODES, "")
    assert versions(on) == ["4.2.0"] * NODES
    assert not on.out_of_scheduling
    assert privileged(on) == {"load-kernel-modules"}


def test_a_canary_that_lacks_modules_stops_it_and_goes_on_serving() -> None:
    on = of_4_1_0()
    first = simulate(preview(FakeKubeApi(on), wanted("4.2.0"))).plan.pending[0].node
    on.fates[first] = "fails"
    done = simulate(roll_out(FakeKubeApi(on), wanted("4.2.0")))
    assert (done.outcome.failed, done.outcome.remaining) == (1, NODES - 1)
    assert on.starts == [first]
    assert not on.out_of_scheduling
    assert on.nodes[first]["metadata"]["labels"][names.RESULT_LABEL] == "failed"
    on.fates.clear()
    assert simulate(roll_out(FakeKubeApi(on), wanted("4.2.0"))).outcome.installed == NODES


def test_no_node_needs_a_label_ahead_of_it() -> None:
    upgrade = PrelabelRequest(
        namespace=NAMESPACE, suffix="", kata_version="4.2.0", label=names.instance_label("")
    )
    assert simulate(prelabel.find(FakeKubeApi(of_4_1_0()), upgrade)) == []


@pytest.mark.parametrize("old", ["4.1.0", "4.0.0"])
def test_the_way_back_is_refused(old: str) -> None:
    assert guardrails.downgrade(old, "4.2.0", NODES) is None
    refusal = guardrails.downgrade("4.2.0", old, NODES)
    assert refusal
    assert f"{NODES} nodes" in refusal.text
