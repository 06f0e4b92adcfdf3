"""Two installations on the same nodes, told apart by their suffix."""

import asyncio
from dataclasses import replace
from typing import Any

from kata_components import names
from kata_components.operations.install import Installed
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import UninstallRequest, uninstall
from kata_components.planning.ownership import Owner
from kata_components.planning.step import Action
from kata_components.runners.lease_manifest import lease_manifest
from kata_components.runners.pulumi import PulumiRunner
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import (
    CLEANUP,
    ENDING,
    NAMESPACE,
    STACK,
    Told,
    cluster,
    request,
    roll_out,
)
from tests.model.virtual_loop import simulate

OTHER = "installation-b"


def both(nodes: int) -> Cluster:
    on = cluster(nodes, job_seconds=10.0)
    on.create_lease(NAMESPACE, lease_manifest("kata-deploy-b", installation=OTHER, stack=STACK))
    return on


def of_b(**changes: Any) -> Any:
    return request(suffix="b", existing="install", owner=Owner(OTHER, STACK), **changes)


def test_their_jobs_are_never_on_one_node_and_take_no_slot_of_each_other() -> None:
    on = both(6)

    async def story() -> tuple[Installed, Installed]:
        first = asyncio.create_task(roll_out(FakeKubeApi(on), request(3)))
        await asyncio.sleep(3.0)
        second = await roll_out(FakeKubeApi(on), of_b(parallelism=3))
        return await first, second

    first, second = simulate(story())
    assert (first.outcome.installed, second.outcome.installed) == (6, 6)
    assert on.most_active == 6
    assert on.violations == []


def test_the_plan_says_what_a_node_waits_for() -> None:
    on = both(2)

    async def story() -> Any:
        first = asyncio.create_task(roll_out(FakeKubeApi(on), request(1)))
        await asyncio.sleep(3.0)
        found = await preview(FakeKubeApi(on), of_b())
        await first
        return found

    reasons = {step.node: step.reason for step in simulate(story()).plan.steps}
    assert reasons["node-00"].endswith(
        "; waiting for another installation's Job that is running there"
    )
    assert "waits" not in reasons["node-01"]


def test_cleaning_one_leaves_the_label_that_the_other_needs() -> None:
    on, told = both(4), Told()
    simulate(roll_out(FakeKubeApi(on), request()))
    simulate(roll_out(FakeKubeApi(on), of_b()))
    alone = on.nodes["node-03"]["metadata"]
    del alone["annotations"][names.mark_annotation("")], alone["labels"][names.instance_label("")]
    ending: UninstallRequest = replace(
        ENDING, suffix="b", installation=OTHER, cleanup=replace(CLEANUP, suffix="b", parallelism=4)
    )
    simulate(uninstall(FakeKubeApi(on), ending, PulumiRunner, told))
    assert on.marked("b") == []
    labelled = [
        name for name, node in on.nodes.items() if names.RUNTIME_LABEL in node["metadata"]["labels"]
    ]
    assert labelled == ["node-00", "node-01", "node-02"], "and not where nobody else is"
    steps = simulate(preview(FakeKubeApi(on), request())).plan.steps
    assert [step.action for step in steps if step.node != "node-03"] == [Action.UP_TO_DATE] * 3
