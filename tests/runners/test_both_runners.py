"""Whoever paces, a node ends with the same labels, mark, taints and result, and the same plan."""

import functools
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any

import pytest

from kata_components import names
from kata_components.manifests.dispatcher_job import cleanup_dispatcher_job, install_dispatcher_job
from kata_components.operations.install import install
from kata_components.operations.preview import preview
from kata_components.operations.uninstall import uninstall
from kata_components.planning import node_mark
from kata_components.planning.step import Action
from kata_components.runners.cluster import ClusterRunner
from kata_components.runners.pulumi import PulumiRunner
from kata_components.runners.runner import RunnerOf
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import ENDING, Told, cluster
from tests.model.kubelet import NEVER, Kubelet
from tests.model.virtual_loop import simulate
from tests.runners import dispatching
from tests.runners.dispatching import configured, templates
from tests.runners.token_free import BOTH, STARTUP

AT_ONCE = Kubelet(handlers_after=0.0)
RUNNERS = ("pulumi", "cluster")
NEWEST = "4.2.0"
STARTING: dict[str, Any] = {
    "startupTaints": [STARTUP["key"]],
    "tolerations": [{"key": STARTUP["key"], "operator": "Exists"}],
}


class Fleet:
    """Two nodes and what a person does to them, through one of the runners."""

    def __init__(self, runner: str) -> None:
        self.on = cluster(2, kubelet=AT_ONCE)
        self.failures: list[str] = []
        self._runner = runner

    async def up(self, version: str = NEWEST, tag: str = "", **config: Any) -> None:
        wanted = configured(version, image={"tag": tag or version}, **config)
        self.on.templates.update(templates(wanted))
        runner = self._made(install_dispatcher_job(wanted))
        done = await install(FakeKubeApi(self.on), dispatching.request(wanted), runner, Told())
        self.failures.append(done.failure)
        assert not self.on.violations

    async def destroy(self, version: str = NEWEST) -> None:
        wanted = configured(version)
        self.on.templates.update(templates(wanted))
        job = cleanup_dispatcher_job(wanted)
        ending = replace(ENDING, cleanup=dispatching.cleanup_request(wanted))
        await uninstall(FakeKubeApi(self.on), ending, self._made(job), Told())
        assert not self.on.violations

    async def planned(self, version: str = NEWEST, **config: Any) -> dict[str, Action]:
        wanted = configured(version, image={"tag": version}, **config)
        found = await preview(FakeKubeApi(self.on), dispatching.request(wanted))
        return {step.node: step.action for step in found.plan.steps}

    def nodes(self) -> dict[str, Any]:
        """Return what is on each node, without times."""
        return {name: _state(node) for name, node in self.on.nodes.items()}

    def _made(self, job: dict[str, Any]) -> RunnerOf:
        in_cluster = functools.partial(ClusterRunner, job=job)
        return in_cluster if self._runner == "cluster" else PulumiRunner


def _state(node: dict[str, Any]) -> Any:
    metadata = node["metadata"]
    mark = node_mark.parse(metadata["annotations"].get(names.mark_annotation("")))
    told = mark and (mark.kata_version, mark.digest, mark.failed, mark.machine, mark.adopted)
    return (
        {key: metadata["labels"].get(key) for key in (*BOTH, names.RESULT_LABEL)},
        told,
        node.get("spec", {}).get("taints", []),
    )


async def fresh(fleet: Fleet) -> None:
    await fleet.up()


async def upgrade(fleet: Fleet) -> None:
    await fleet.up()
    await fleet.up(tag="next")


async def failed_upgrade(fleet: Fleet) -> None:
    await fleet.up()
    fleet.on.fates["node-00"] = "fails"
    await fleet.up(tag="next")


async def without_handlers(fleet: Fleet) -> None:
    fleet.on.set_kubelet("node-00", Kubelet(handlers_after=NEVER))
    await fleet.up()


async def never_ready(fleet: Fleet) -> None:
    await fleet.up()
    fleet.on.set_kubelet("node-00", Kubelet(handlers_after=0.0, not_ready_seconds=NEVER))
    await fleet.up(tag="next")


async def rebuilt_whose_job_fails(fleet: Fleet) -> None:
    await fleet.up()
    status = fleet.on.nodes["node-00"]["status"]
    status["nodeInfo"]["machineID"] = "another"
    status["runtimeHandlers"] = [{"name": "runc"}]
    fleet.on.fates["node-00"] = "fails"
    await fleet.up()


async def lost_label(fleet: Fleet) -> None:
    await fleet.up()
    uid = fleet.on.nodes["node-00"]["metadata"]["uid"]
    fleet.on.patch_node("node-00", uid, annotations={}, labels={BOTH[1]: None})
    await fleet.up()


async def starting(fleet: Fleet) -> None:
    await fleet.up(**STARTING)
    fleet.on.nodes["node-00"].setdefault("spec", {})["taints"] = [dict(STARTUP)]
    await fleet.up(**STARTING)


async def downgrade_after_a_failure(fleet: Fleet) -> None:
    fleet.on.fates["node-00"] = "fails"
    await fleet.up()
    fleet.on.fates.clear()
    fleet.on.jobs.clear()
    await fleet.up("4.0.0")
    await fleet.up("4.0.0")
    assert fleet.on.starts.count("node-00") == 2, "once at each version"


async def cleaned(fleet: Fleet) -> None:
    await fleet.up()
    await fleet.destroy()


Story = Callable[[Fleet], Coroutine[Any, Any, None]]
STORIES: list[Story] = [
    fresh,
    upgrade,
    failed_upgrade,
    without_handlers,
    never_ready,
    rebuilt_whose_job_fails,
    lost_label,
    starting,
    downgrade_after_a_failure,
    cleaned,
]


@pytest.mark.parametrize("story", STORIES)
def test_both_runners_leave_nodes_alike(story: Story) -> None:
    ends = []
    for runner in RUNNERS:
        fleet = Fleet(runner)
        simulate(story(fleet))
        ends.append((fleet.nodes(), simulate(fleet.planned()), [*map(bool, fleet.failures)]))
    assert ends[0] == ends[1]
