"""Rollouts through a dispatcher that labels and checks nodes itself, as from 4.1.0 on."""

import asyncio
from collections import Counter
from typing import Any

import pytest

from kata_components import names
from kata_components.operations.install import Installed
from kata_components.settings.settings import Settings
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import NAMESPACE, Told, cluster
from tests.model.kubelet import NEVER, Kubelet
from tests.model.virtual_loop import simulate
from tests.runners.dispatching import (
    DISPATCHER,
    cleanup_request,
    configured,
    destroy,
    interrupted,
    up,
)

OPEN = "--node-selector=katacontainers.io/kata-runtime!=true"
LABELS = {names.RUNTIME_LABEL, names.instance_label("")}
TAINT = {"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}


def settings(tag: str = "4.1.0", **config: Any) -> Settings:
    return configured("4.1.0", image={"tag": tag}, **config)


def labels(on: Cluster, value: str = "true") -> dict[str, set[str]]:
    """Return which of the two labels each node has with that value; nodes without are left out."""
    found = {
        name: {k for k in LABELS if n["metadata"]["labels"].get(k) == value}
        for name, n in on.nodes.items()
    }
    return {name: keys for name, keys in found.items() if keys}


def selection_of(on: Cluster) -> list[list[str]]:
    """Return how each dispatcher was told its nodes."""
    told = ("--nodes=", "--node-selector=")
    return [[word for word in words if word.startswith(told)] for words in on.dispatchers]


def test_nodes_are_marked_when_the_dispatcher_has_labelled_them() -> None:
    on = cluster(7)
    done = simulate(up(FakeKubeApi(on), settings()))
    assert (done.outcome.installed, done.outcome.failed, done.failure) == (7, 0, "")
    assert selection_of(on) == [[OPEN]]
    assert labels(on) == dict.fromkeys(on.nodes, LABELS)
    assert on.marked() == sorted(on.nodes)
    assert (on.most_active, on.jobs) == (3, {})


def test_tainted_nodes_are_no_failure_and_a_selector_still_tells_the_others() -> None:
    on = cluster(4)
    on.add_nodes("control-plane", taints=[TAINT])
    done = simulate(up(FakeKubeApi(on), settings()))
    assert (done.outcome.selected, done.outcome.installed, done.outcome.skipped, done.failure) == (
        5,
        4,
        1,
        "",
    )
    assert selection_of(on) == [[OPEN]]
    assert "control-plane" not in {*on.starts, *on.marked(), *labels(on)}


def test_tainted_node_gets_its_job_when_it_is_tolerated() -> None:
    on = cluster(1)
    on.add_nodes("control-plane", taints=[TAINT])
    done = simulate(
        up(FakeKubeApi(on), settings(tolerations=[{"key": TAINT["key"], "operator": "Exists"}]))
    )
    assert (done.outcome.installed, done.outcome.skipped) == (2, 0)


def test_nodes_of_several_terms_are_told_by_as_many_selectors() -> None:
    on = cluster(3)
    on.add_nodes("kvm", labels={"kvm": "yes"})
    on.add_nodes("both", labels={"kvm": "yes", "metal": "yes"})
    terms = [{"matchExpressions": [{"key": key, "operator": "Exists"}]} for key in ("kvm", "metal")]
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
    done = simulate(up(FakeKubeApi(on), settings(affinity={"nodeAffinity": required})))
    assert done.outcome.selected == done.outcome.installed == 2
    own = f",{names.RUNTIME_LABEL}!=true"
    assert selection_of(on) == [[f"--node-selector=kvm{own}", f"--node-selector=metal{own}"]]


def test_node_that_is_not_ready_behind_its_job_has_failed_and_resumes_behind_it() -> None:
    on = cluster(3)
    on.set_kubelet("node-01", Kubelet(not_ready_seconds=NEVER))

    async def story() -> tuple[Installed, Installed]:
        first = await up(FakeKubeApi(on), settings())
        assert on.marked() == ["node-00", "node-02"]
        assert labels(on, "false") == {"node-01": LABELS}
        on.set_ready("node-01", ready=True)
        on.starts.clear()
        return first, await up(FakeKubeApi(on), settings())

    first, second = simulate(story())
    assert first.outcome.failed_nodes == ("node-01",)
    assert (
        "node-01: not Ready within 300 s of its Job; the next run continues from there\n"
        in first.failure
    )
    assert (second.outcome.installed, second.failure, on.starts) == (1, "", [])
    assert labels(on) == dict.fromkeys(on.nodes, LABELS)


def test_node_that_never_serves_behind_its_job_is_not_scheduled_to_and_says_how_to_go_on() -> None:
    on = cluster(3)
    on.set_kubelet("node-01", Kubelet(handlers_after=NEVER))
    job = "kata-deploy-install-node-01"

    async def story() -> None:
        for _ in range(2):
            failed = await up(FakeKubeApi(on), settings())
            assert failed.outcome.failed_nodes == ("node-01",)
            assert (
                "node-01: its Job succeeded, but the container runtime did not report Kata's "
                "handlers within 120 s; the next run looks again; "
                f"to install again: `kubectl -n {NAMESPACE} delete job {job}`, then `pulumi up`\n"
                in failed.failure
            )
            assert on.nodes["node-01"]["metadata"]["labels"][names.instance_label("")] == "false"
        assert len(on.dispatchers) == 1
        on.set_kubelet("node-01", Kubelet(handlers_after=0.0))
        on.delete_job(job, None)
        done = await up(FakeKubeApi(on), settings())
        assert (done.outcome.installed, done.failure) == (1, "")
        assert labels(on) == dict.fromkeys(on.nodes, LABELS)

    simulate(story())


def test_dispatcher_of_an_earlier_run_is_not_quoted() -> None:
    on = cluster(3)
    on.set_kubelet("node-01", Kubelet(handlers_after=NEVER))

    class Deleting(FakeKubeApi):
        """Somebody deletes the Job between the two plans of a run that starts no dispatcher."""

        async def list_jobs(self, *args: Any, **kwargs: Any) -> Any:
            if self.asked.count("list_jobs") == 3:  # twice to settle, once to plan
                on.delete_job("kata-deploy-install-node-01", None)
            return await super().list_jobs(*args, **kwargs)

    async def story() -> Installed:
        await up(FakeKubeApi(on), settings())
        assert "kata-deploy-install-dispatcher" in on.jobs
        return await up(Deleting(on), settings())

    assert "no Job was made for it, or it was deleted\n" in simulate(story()).failure
    assert len(on.dispatchers) == 1


def test_dispatcher_that_fails_though_all_jobs_succeed_is_reported_and_the_nodes_are_done() -> None:
    on = cluster(3)

    async def story() -> Installed:
        await up(FakeKubeApi(on), settings())
        on.out_of_service.add("node-01")
        return await up(FakeKubeApi(on), settings("4.1.0-next"))

    done = simulate(story())
    assert (done.outcome.installed, done.outcome.failed) == (3, 0)
    assert done.failure.startswith(
        "every Job has succeeded, but look at the nodes; the dispatcher has failed: "
    )


def test_nodes_told_by_name_are_not_waited_for() -> None:
    on = cluster(3)

    async def story() -> None:
        await up(FakeKubeApi(on), settings())
        on.fates["node-01"] = "fails"
        await up(FakeKubeApi(on), settings("4.1.0-next"))
        on.fates.clear()
        await up(FakeKubeApi(on), settings("4.1.0-next"))

    simulate(story())
    first, _, last = on.dispatchers
    assert {"--wait-for-nodes-secs=120", "--node-settle-secs=15"} <= set(first)
    assert selection_of(on)[-1] == ["--nodes=node-01"]
    assert not [
        word
        for word in last
        if word.startswith(("--wait-for-nodes", "--node-settle", "--cleanup-job"))
    ]
    assert "--wait-node-ready-secs=300" in last


@pytest.mark.parametrize("seconds", [4.0, 12.0, 20.0, 3600.0])
def test_killed_run_is_followed_up_and_no_node_is_done_twice(seconds: float) -> None:
    on = cluster(7)

    async def story() -> Installed:
        await interrupted(up(FakeKubeApi(on), settings()), min(seconds, 20.0))
        await asyncio.sleep(max(0.0, seconds - 20.0))
        return await up(FakeKubeApi(on), settings())

    done = simulate(story())
    assert (done.outcome.installed, done.failure) == (7, "")
    assert set(Counter(on.starts).values()) == {1}
    assert (len(on.marked()), on.jobs) == (7, {})


def test_nodes_that_a_deleted_dispatcher_has_not_labelled_are_labelled_with_their_mark() -> None:
    on = cluster(2)

    async def story() -> Installed:
        asyncio.get_running_loop().call_later(13.0, on.delete_job, DISPATCHER, None)
        return await up(FakeKubeApi(on), settings())

    done = simulate(story())
    assert (done.outcome.installed, done.failure, len(on.starts)) == (2, "", 2)
    assert labels(on) == dict.fromkeys(on.nodes, LABELS)


def test_fleet_of_the_version_before_is_upgraded() -> None:
    on = cluster(3)

    async def story() -> Installed:
        await up(FakeKubeApi(on), configured("4.0.0", job={"nodeSelectorExpressions": []}))
        return await up(FakeKubeApi(on), settings())

    done = simulate(story())
    assert (done.outcome.installed, done.failure) == (3, "")
    assert labels(on) == dict.fromkeys(on.nodes, LABELS)


def test_destroy_cleans_every_node_and_leaves_no_label() -> None:
    on, told = cluster(5, out_of_service={"node-01"}), Told()
    on.add_nodes("control-plane", taints=[TAINT])

    async def story() -> None:
        await up(FakeKubeApi(on), settings())
        on.out_of_service.clear()
        on.starts.clear()
        await destroy(FakeKubeApi(on), settings(), told=told)

    simulate(story())
    assert sorted(on.starts) == [f"node-{number:02}" for number in range(5)]
    assert "--ignore-node-taints" in on.dispatchers[-1]
    assert selection_of(on)[-1] == [f"--node-selector={names.RUNTIME_LABEL}"]
    assert labels(on) == labels(on, "false") == {}
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


def test_labels_that_the_dispatcher_does_not_take_off_go_with_the_mark() -> None:
    on = cluster(3)

    async def story() -> None:
        await up(FakeKubeApi(on), settings())
        on.out_of_service.add("node-01")
        on.starts.clear()
        await destroy(FakeKubeApi(on), settings())

    simulate(story())
    assert sorted(on.starts) == sorted(on.nodes)
    assert labels(on) == labels(on, "false") == {}
    assert (on.marked(), on.jobs, on.leases) == ([], {}, {})


def test_up_after_an_interrupted_destroy_installs_again_what_it_has_touched() -> None:
    on = cluster(4)

    async def story() -> Installed:
        await up(FakeKubeApi(on), settings())
        await interrupted(destroy(FakeKubeApi(on), settings()), 4.0)
        return await up(FakeKubeApi(on), settings())

    done = simulate(story())
    assert (done.outcome.up_to_date, done.outcome.installed, done.failure) == (1, 3, "")
    assert labels(on) == dict.fromkeys(on.nodes, LABELS)


def test_nodes_that_are_not_selected_any_more_are_cleaned() -> None:
    on = cluster(1)
    on.add_nodes(*(f"kata-{number:02}" for number in range(12)), labels={"pool": "kata"})
    narrower = settings(nodeSelector={"pool": "kata"})

    async def story() -> Installed:
        await up(FakeKubeApi(on), settings())
        return await up(FakeKubeApi(on), narrower, cleanup=cleanup_request(narrower))

    done = simulate(story())
    assert (done.outcome.cleaned, done.failure) == (1, "")
    assert "node-00" not in {*on.marked(), *labels(on), *labels(on, "false")}
