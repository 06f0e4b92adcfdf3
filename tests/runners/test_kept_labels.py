"""Cleanups beside another installation: pods of that one find the node all the time."""

from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar

import pytest

from kata_components import names
from kata_components.errors import ApiError, ClusterError, RolloutFailedError
from kata_components.operations.uninstall import uninstall
from kata_components.planning import node_mark
from kata_components.planning.ownership import Owner
from kata_components.planning.requests import CleanupRequest
from kata_components.runners.lease_manifest import lease_manifest
from kata_components.runners.pulumi import PulumiRunner
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, unreachable
from tests.model.installation import (
    CLEANUP,
    ENDING,
    INSTALLATION,
    NAMESPACE,
    STACK,
    Told,
    cluster,
    request,
    roll_out,
)
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import now, simulate
from tests.runners.token_free import OWN, SHARED, cleanup, labels, wanted

OTHER = "installation-b"
ITS_OWN = names.instance_label("b")


class Watched(Cluster):
    """Notes when the shared label of a node goes and comes back."""

    def node_changed(self, name: str, kind: Any = "MODIFIED") -> None:
        super().node_changed(name, kind)
        gone = SHARED not in self.nodes[name]["metadata"]["labels"]
        times = self.times.setdefault(name, [])
        if times and times[-1][0] != gone:
            times.append((gone, now()))
        elif not times:
            times.append((gone, 0.0))

    def __post_init__(self) -> None:
        self.times: dict[str, list[tuple[bool, float]]] = {}
        super().__post_init__()

    @property
    def without(self) -> list[float]:
        """For how long nodes were without the shared label once they had it."""
        found = []
        for times in self.times.values():
            for (gone, since), (_, until) in pairwise(times[1:]):
                found += [until - since] if gone else []
        return found


def both(of_a: Any, of_b: Any, **settings: Any) -> Watched:
    """Return a cluster with two installations on each of two nodes."""
    on = cluster(2, kind=Watched, **settings)
    assert isinstance(on, Watched)
    on.create_lease(NAMESPACE, lease_manifest("kata-deploy-b", installation=OTHER, stack=STACK))
    simulate(roll_out(FakeKubeApi(on), of_a))
    simulate(roll_out(FakeKubeApi(on), of_b))
    return on


def of_b(make: Any) -> Any:
    return make(suffix="b", existing="install", owner=Owner(OTHER, STACK))


async def end(api: FakeKubeApi, work: CleanupRequest, told: Told | None = None) -> None:
    installation = OTHER if work.suffix else INSTALLATION
    ending = replace(ENDING, suffix=work.suffix, installation=installation, cleanup=work)
    await uninstall(api, ending, PulumiRunner, told or Told())
    assert api.cluster.violations == []


@pytest.mark.parametrize("unlabels_after", [1.0, None])
def test_shared_label_that_a_cleanup_of_4_0_0_takes_comes_back_at_once(
    unlabels_after: float | None,
) -> None:
    on = both(request(), of_b(request), unlabels_after=unlabels_after)
    simulate(end(FakeKubeApi(on), replace(CLEANUP, suffix="b")))
    assert {labels(on, node) for node in on.nodes} == {("true", "true")}
    assert len(on.without) == 2
    assert max(on.without) < 0.2
    assert not any(ITS_OWN in node["metadata"]["labels"] for node in on.nodes.values())


def test_shared_label_comes_back_in_spite_of_errors() -> None:
    on = both(request(), of_b(request), unlabels_after=1.0)
    api = FakeKubeApi(on)

    async def story() -> None:
        on.unlabels_after = 1.0
        api.refuse("watch_node_metadata", unreachable())
        await end(api, replace(CLEANUP, suffix="b"))

    simulate(story())
    assert max(on.without) < 3.0
    assert {labels(on, node) for node in on.nodes} == {("true", "true")}


@pytest.mark.parametrize("webhook", [False, True])
def test_without_the_right_to_watch_the_label_comes_back_at_the_end(webhook: bool) -> None:
    on, told = both(request(), of_b(request), unlabels_after=1.0), Told()
    on.job_seconds = 100.0
    api = FakeKubeApi(on)
    denied = 'nodes is forbidden: User "ops" cannot watch resource "nodes" in API group ""'
    error = ApiError(403, "Forbidden", "denied by policy" if webhook else denied)
    api.refuse("watch_node_metadata", *[error] * 200)
    simulate(end(api, replace(CLEANUP, suffix="b", parallelism=1), told))
    assert {labels(on, node) for node in on.nodes} == {("true", "true")}
    assert not any(ITS_OWN in node["metadata"]["labels"] for node in on.nodes.values())
    (text,) = (line for line in told.lines if "cannot be watched" in line)
    assert f"at once: {error}.\n  A cluster administrator can grant" in text


def test_an_install_that_needs_the_watch_says_which_right_is_missing() -> None:
    api = FakeKubeApi(cluster(2, kubelet=Kubelet(handlers_after=0.0)))
    api.refuse("watch_node_metadata", *[ApiError(403, "Forbidden", "no watch")] * 3)
    with pytest.raises(ClusterError, match=r"^no watch\.\n  A cluster administrator can grant"):
        simulate(roll_out(api, wanted()))


def test_a_node_that_is_left_out_of_a_cleanup_is_not_written_to() -> None:
    on = both(request(), of_b(request), unlabels_after=1.0)

    class Noting(FakeKubeApi):
        """Notes on which nodes something is written."""

        patched: ClassVar[list[str]] = []

        async def patch_node(self, name: str, *args: Any, **kwargs: Any) -> Any:
            if not self.patched:
                # Seen by the watch, which does not tell of conditions.
                other = next(node for node in on.nodes if node != name)
                on.nodes[other]["status"]["conditions"][0]["status"] = "Unknown"
                on.node_changed(other)
            self.patched.append(name)
            return await super().patch_node(name, *args, **kwargs)

    work = replace(CLEANUP, suffix="b", parallelism=1)
    with pytest.raises(RolloutFailedError):
        simulate(end(Noting(on), work))
    (cleaned,) = set(Noting.patched)
    (left,) = set(on.nodes) - {cleaned}
    mark = node_mark.parse(on.nodes[left]["metadata"]["annotations"][names.mark_annotation("b")])
    assert mark
    assert mark.digest
    assert labels(on, left) == ("true", "true")


def test_nothing_is_watched_where_nobody_else_is() -> None:
    on = cluster(2, unlabels_after=1.0)
    simulate(roll_out(FakeKubeApi(on), request()))
    api = FakeKubeApi(on)
    simulate(end(api, CLEANUP))
    assert "watch_node_metadata" not in api.asked
    assert {labels(on, node) for node in on.nodes} == {(None, None)}


def test_cleanup_of_4_1_0_hides_the_node_first_and_leaves_no_label() -> None:
    on = cluster(3, kubelet=Kubelet(handlers_after=0.0))
    simulate(roll_out(FakeKubeApi(on), wanted()))
    simulate(end(FakeKubeApi(on), cleanup()))
    for node in on.nodes.values():
        assert set(node["metadata"]["labels"]) == {"kubernetes.io/hostname"}
        assert node["metadata"]["annotations"] == {}
    assert on.jobs == {}


def test_cleanup_of_4_1_0_leaves_the_shared_label_to_the_other_installation() -> None:
    on = both(wanted(), of_b(wanted), kubelet=Kubelet(handlers_after=0.0))
    simulate(end(FakeKubeApi(on), cleanup()))
    assert on.without == []
    for node in on.nodes.values():
        found = node["metadata"]["labels"]
        assert (found[SHARED], found[ITS_OWN], OWN in found) == ("true", "true", False)
