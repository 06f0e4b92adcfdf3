"""Cleanup through upstream's dispatcher: complete, resumed, and with nothing left over."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from kata_components import names
from kata_components.errors import RolloutFailedError
from kata_components.operations.install import Installed
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import Told, cluster
from tests.model.virtual_loop import simulate
from tests.runners.dispatching import (
    cleanup_request,
    configured,
    destroy,
    interrupted,
    settings,
    templates,
    told_nodes,
    up,
)


def test_destroy_cleans_every_node_and_leaves_nothing() -> None:
    on, told = cluster(5), Told()

    async def story() -> None:
        await up(FakeKubeApi(on))
        on.starts.clear()
        await destroy(FakeKubeApi(on), told=told)

    simulate(story())
    assert sorted(on.starts) == sorted(on.nodes)
    assert told_nodes(on)[-1] == "--node-selector=katacontainers.io/kata-runtime"
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})
    assert told.lines[-1].startswith("cleaned 5 nodes in ")


@pytest.mark.parametrize("version", ["4.0.0", "4.1.0"])
def test_destroy_cleans_with_the_template_of_its_own_state_whatever_the_cluster_holds(
    version: str,
) -> None:
    on, ours = cluster(3), configured(version)

    async def story() -> None:
        await up(FakeKubeApi(on), ours)
        # As an update leaves it that was cut off after it had written its templates, or somebody by
        # hand.
        on.templates = templates(configured(version, image={"tag": "another"}))
        await destroy(FakeKubeApi(on), ours)

    simulate(story())
    assert {name for name in on.starts if on.starts.count(name) == 2} == set(on.nodes)
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


def test_job_of_another_template_is_no_cleanup_and_recording_starts_none_of_its_own() -> None:
    class Rewriting(Cluster):
        """Something in the cluster rewrites the cleanup Jobs that the dispatcher makes."""

        def create_job(self, namespace: str, manifest: dict[str, Any]) -> dict[str, Any]:
            if manifest["metadata"]["labels"].get(names.STAGE_LABEL) == "cleanup":
                manifest["metadata"]["annotations"][names.DIGEST_ANNOTATION] = "bbbbbbbbbbbb"
            return super().create_job(namespace, manifest)

    api = FakeKubeApi(cluster(2, kind=Rewriting))

    async def story() -> None:
        await up(api)
        api.asked.clear()
        with pytest.raises(
            RolloutFailedError, match=r"node-00: its Job .* is of digest bbbbbbbbbbbb, not of "
        ):
            await destroy(api)

    simulate(story())
    assert api.asked.count("create_job") == 1, "the dispatcher's own"
    assert api.cluster.marked() == ["node-00", "node-01"]


def test_destroy_reaches_nodes_whose_install_failed_by_name() -> None:
    on = cluster(3, fates={"node-01": "fails"})

    async def story() -> None:
        await up(FakeKubeApi(on))
        on.fates.clear()
        on.starts.clear()
        await destroy(FakeKubeApi(on))

    simulate(story())
    assert sorted(on.starts) == sorted(on.nodes)
    assert told_nodes(on)[-1] == "--nodes=node-00,node-01,node-02"
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


@pytest.mark.parametrize("seconds", [1.0, 4.0, 9.0, 3600.0])
def test_interrupted_destroy_resumes(seconds: float) -> None:
    on = cluster(7)

    async def story() -> None:
        await up(FakeKubeApi(on))
        on.starts.clear()
        await interrupted(destroy(FakeKubeApi(on)), min(seconds, 9.0))
        await asyncio.sleep(max(0.0, seconds - 9.0))
        await destroy(FakeKubeApi(on))

    simulate(story())
    assert set(Counter(on.starts).values()) == {1}
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


def test_destroy_stops_an_install_dispatcher_first() -> None:
    on = cluster(9)

    async def story() -> None:
        await interrupted(up(FakeKubeApi(on)), 4.0)
        await destroy(FakeKubeApi(on))

    simulate(story())
    assert (
        len(
            [
                node
                for node in on.nodes.values()
                if names.RUNTIME_LABEL in node["metadata"]["labels"]
            ]
        )
        == 0
    )
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


def test_failed_cleanup_keeps_what_the_next_destroy_needs() -> None:
    on = cluster(3)

    async def story() -> None:
        await up(FakeKubeApi(on))
        on.fates["node-01"] = "fails"
        with pytest.raises(
            RolloutFailedError, match="1 node could not be cleaned\n  node-01: stage artifacts"
        ):
            await destroy(FakeKubeApi(on))
        assert (on.marked(), list(on.leases)) == (["node-01"], ["kata-deploy"])
        on.fates.clear()
        await destroy(FakeKubeApi(on))

    simulate(story())
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


def test_nodes_that_are_not_selected_any_more_are_cleaned_by_name_after_the_installs() -> None:
    on = cluster(2)
    on.add_nodes(*(f"kata-{number:02}" for number in range(20)), labels={"pool": "kata"})
    narrower = settings(nodeSelector={"pool": "kata"}, parallelism=30)

    async def story() -> Installed:
        await up(FakeKubeApi(on), settings(parallelism=30))
        on.starts.clear()
        on.add_nodes("new", labels={"pool": "kata"})
        return await up(FakeKubeApi(on), narrower, cleanup=cleanup_request(narrower))

    done = simulate(story())
    assert (done.outcome.installed, done.outcome.cleaned, done.failure) == (1, 2, "")
    assert on.starts == ["new", "node-00", "node-01"]
    assert told_nodes(on)[-1] == "--nodes=node-00,node-01"
    assert not {"node-00", "node-01"} & set(on.marked())
    assert on.jobs == {}
