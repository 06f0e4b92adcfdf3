"""What is written on nodes before token-free Jobs, and taken back where it was needless."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from kata_components import names
from kata_components.errors import ExpiredError
from kata_components.operations.install import Installed
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, unreachable
from tests.model.installation import cluster, request, roll_out
from tests.model.kubelet import Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.token_free import SHARED, labels, up, wanted, whole

AT_ONCE = Kubelet(handlers_after=0.0)
MARK = names.mark_annotation("")


class Eventful(FakeKubeApi):
    """Changes a node right before it is claimed."""

    def __init__(self, on: Cluster, happen: Any) -> None:
        super().__init__(on)
        self.happen = happen

    async def patch_node(self, *args: Any, **kwargs: Any) -> Any:
        if self.happen:
            self.happen, happen = None, self.happen
            happen()
        return await super().patch_node(*args, **kwargs)


def test_a_claim_hides_what_is_new_and_not_what_serves() -> None:
    on = cluster(1, kubelet=AT_ONCE)

    async def story() -> list[tuple[str | None, str | None]]:
        seen = []
        for image in ("kata:4.1.0", "kata:4.1.1"):
            work = asyncio.create_task(up(on, image=image))
            await asyncio.sleep(2.0)
            assert on.active
            seen.append(labels(on))
            assert (await work).failure == ""
        return seen

    assert simulate(story()) == [("false", "false"), ("true", "true")]


def test_a_replaced_machine_does_not_serve_until_it_is_installed_again() -> None:
    on = cluster(1, kubelet=AT_ONCE)

    async def story() -> None:
        await up(on)
        on.nodes["node-00"]["status"]["nodeInfo"]["machineID"] = "another"
        on.node_changed("node-00")
        work = asyncio.create_task(up(on))
        await asyncio.sleep(2.0)
        assert (on.active != [], labels(on)) == (True, ("false", "false"))
        assert (await work).failure == ""
        assert labels(on) == ("true", "true")

    simulate(story())


def test_a_claim_that_turns_out_to_be_needless_is_withdrawn() -> None:
    on = cluster(1, kubelet=AT_ONCE)

    class Late(FakeKubeApi):
        """Its watch tells nothing of conditions: only the answer to the claim does."""

        async def patch_node(self, *args: Any, **kwargs: Any) -> Any:
            on.nodes["node-00"]["status"]["conditions"][0]["status"] = "Unknown"
            return await super().patch_node(*args, **kwargs)

    api = Late(on)
    done = simulate(roll_out(api, wanted()))
    assert (done.outcome.skipped, done.failure, on.starts) == (1, "", [])
    assert labels(on) == (None, None)
    assert MARK not in on.nodes["node-00"]["metadata"]["annotations"]


def test_a_label_that_another_installation_has_just_set_is_not_overwritten() -> None:
    on = cluster(1, kubelet=AT_ONCE)
    other = names.instance_label("dev")

    def happen() -> None:
        on.nodes["node-00"]["metadata"]["labels"] |= {SHARED: "true", other: "true"}
        on.node_changed("node-00")

    api = Eventful(on, happen)

    async def story() -> Installed:
        work = asyncio.create_task(roll_out(api, wanted()))
        await asyncio.sleep(2.0)
        assert labels(on) == ("true", "false")
        return await work

    done = simulate(story())
    assert (done.failure, labels(on)) == ("", ("true", "true"))


@pytest.mark.parametrize("comes_back", [False, True])
def test_a_node_that_is_gone_or_replaced_has_not_failed(*, comes_back: bool) -> None:
    on = cluster(2, kubelet=AT_ONCE)

    def happen() -> None:
        on.remove_node("node-00")
        if comes_back:
            on.add_nodes("node-00")
            on.nodes["node-00"]["metadata"]["uid"] = "another"
            on.node_changed("node-00")

    done = simulate(roll_out(Eventful(on, happen), wanted(1)))
    assert (done.failure, done.outcome.installed, on.starts) == ("", 1, ["node-01"])


def test_a_claim_without_an_answer_is_not_written_twice_and_can_be_withdrawn() -> None:
    on = cluster(1, kubelet=AT_ONCE)
    api = FakeKubeApi(on)
    api.lose_answer("patch_node", unreachable())
    done = simulate(roll_out(api, wanted()))
    assert (done.failure, done.outcome.installed) == ("", 1)
    assert Counter(api.asked)["patch_node"] == 2


def test_a_watch_that_fails_or_expires_is_started_again() -> None:
    on = cluster(6, kubelet=Kubelet(handlers_after=3.0))
    api = FakeKubeApi(on)
    api.refuse("watch_node_metadata", unreachable(), ExpiredError(410, "Expired", "too old"))
    done = simulate(roll_out(api, wanted()))
    assert (done.failure, done.outcome.installed, whole(on)) == ("", 6, sorted(on.nodes))
    assert Counter(api.asked)["watch_node_metadata"] == 3


def test_nothing_is_claimed_where_jobs_label_their_nodes() -> None:
    on = cluster(3)
    api = FakeKubeApi(on)
    simulate(roll_out(api, request()))
    spent = Counter(api.asked)
    assert (spent["watch_node_metadata"], spent["patch_node"], spent["get_node"]) == (0, 3, 3)
