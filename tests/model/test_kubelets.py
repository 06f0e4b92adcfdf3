"""Kubelets of the model: what they report, and what they do after Jobs."""

import asyncio
from typing import Any

import pytest

from kata_components import names
from kata_components.kubernetes.nodes import Node
from kata_components.names import JobKind
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi
from tests.model.installation import NAMESPACE, cluster, node_job
from tests.model.kubelet import NEVER, Kubelet
from tests.model.node_jobs import handlers_of, suffix_of
from tests.model.virtual_loop import simulate

NODE = "node-00"
OWN = names.instance_label("")
LABELS = {names.RUNTIME_LABEL: "false", OWN: "false"}


def job(kind: JobKind = "install", suffix: str = "") -> dict[str, Any]:
    return node_job(NODE, kind, suffix, token=False)


def seen(on: Cluster, *seconds: float, jobs: tuple[dict[str, Any], ...] = (job(),)) -> list[Node]:
    """Return the node so long after the end of the last Job."""

    async def story() -> list[Node]:
        for made in jobs:
            on.create_job(NAMESPACE, made)
            await asyncio.sleep(on.job_seconds)
        loop = asyncio.get_running_loop()
        end, found = loop.time(), []
        for after in seconds:
            await asyncio.sleep(end + after - loop.time())
            found.append(await FakeKubeApi(on).get_node(NODE))
        return found

    return simulate(story())


def claimed(kubelet: Kubelet) -> Cluster:
    on = cluster(1, kubelet=kubelet)
    on.patch_node(NODE, f"uid-{NODE}", annotations={}, labels=LABELS)
    return on


@pytest.mark.parametrize(
    ("kubelet", "kata"),
    [
        (Kubelet(handlers_after=0.0), [True, True, True]),
        (Kubelet(handlers_after=2.0), [False, True, True]),
        (Kubelet(handlers_after=NEVER), [False, False, False]),
        (Kubelet(handlers_after=2.0, serves=False), [False, False, False]),
    ],
)
def test_handlers_are_published_some_seconds_after_the_job(
    kubelet: Kubelet, kata: list[bool]
) -> None:
    found = seen(claimed(kubelet), 1.0, 3.0, 100.0)
    assert ["kata-qemu" in (node.handlers or ()) for node in found] == kata
    assert all("runc" in (node.handlers or ()) for node in found)


def test_a_kubelet_before_kubernetes_1_30_publishes_none() -> None:
    assert [node.handlers for node in seen(claimed(Kubelet()), 1.0, 100.0)] == [None, None]


def test_handlers_go_some_seconds_after_a_bad_upgrade_and_after_a_cleanup() -> None:
    on = claimed(Kubelet(handlers_after=2.0))
    assert ["kata-qemu" in (node.handlers or ()) for node in seen(on, 3.0)] == [True]
    on.delete_job(job()["metadata"]["name"], None)
    on.set_kubelet(NODE, Kubelet(handlers_after=2.0, serves=False))
    on.nodes[NODE]["status"]["runtimeHandlers"].append({"name": "kata-qemu"})
    assert ["kata-qemu" in (n.handlers or ()) for n in seen(on, 1.0, 3.0)] == [True, False]

    on = claimed(Kubelet(handlers_after=2.0))
    found = seen(on, 1.0, 3.0, jobs=(job(), job("cleanup")))
    assert ["kata-qemu" in (node.handlers or ()) for node in found] == [True, False]


def test_only_the_handlers_of_the_installation_go() -> None:
    on = claimed(Kubelet(handlers_after=0.0))
    [node] = seen(on, 1.0, jobs=(job(), job(suffix="dev"), job("cleanup", "dev")))
    assert node.handlers == frozenset({"", "runc", "kata-qemu"})


def test_the_handlers_are_those_of_the_jobs_shims() -> None:
    made = job(suffix="dev")
    container = made["spec"]["template"]["spec"]["containers"][0]
    container["env"] = [{"name": "SHIMS_X86_64", "value": "clh fc"}]
    assert (suffix_of(made), handlers_of(made)) == ("dev", {"kata-clh-dev", "kata-fc-dev"})


def test_a_node_is_not_ready_for_some_seconds() -> None:
    on = claimed(Kubelet(not_ready_seconds=5.0))
    assert [node.ready for node in seen(on, 1.0, 6.0)] == [False, True]
    on = claimed(Kubelet(not_ready_seconds=NEVER))
    assert [node.ready for node in seen(on, 1.0, 600.0)] == [False, False]


def test_a_kubelet_of_k3s_registers_old_labels_again() -> None:
    on = claimed(Kubelet(version="v1.34.1+k3s1", labels_again_after=(3.0, 8.0)))

    async def story() -> list[str | None]:
        on.create_job(NAMESPACE, job())
        await asyncio.sleep(on.job_seconds)
        found = []
        for _ in range(2):
            on.patch_node(NODE, f"uid-{NODE}", annotations={}, labels={OWN: "true", "x": "y"})
            await asyncio.sleep(4.5)
            labels = on.nodes[NODE]["metadata"]["labels"]
            found += [labels[OWN], labels["x"]]
        return found

    assert simulate(story()) == ["false", "y"] * 2
    assert on.nodes[NODE]["status"]["nodeInfo"]["kubeletVersion"] == "v1.34.1+k3s1"


def test_machine_and_runtime_are_absent_until_reported() -> None:
    on = cluster(1, kubelet=Kubelet(reports=False))
    [node] = seen(on, 0.0, jobs=())
    assert (node.info.machine_id, node.info.container_runtime_version) == ("", "")
    on.report(NODE)
    [node] = seen(on, 0.0, jobs=())
    assert (node.info.machine_id, node.info.container_runtime_version) == (
        f"machine-{NODE}",
        "containerd://2.1.4",
    )


@pytest.mark.parametrize(("after", "kept"), [(None, [True, False]), (1.0, [False, False])])
def test_a_cleanup_with_a_token_takes_the_label_away_at_its_end_or_in_the_middle(
    after: float | None, kept: list[bool]
) -> None:
    async def story() -> list[bool]:
        on.create_job(NAMESPACE, node_job(NODE, "cleanup"))
        found = []
        for _ in range(2):
            await asyncio.sleep(3.0)
            found.append(names.RUNTIME_LABEL in on.nodes[NODE]["metadata"]["labels"])
        return found

    on = cluster(1, unlabels_after=after)
    on.patch_node(NODE, f"uid-{NODE}", annotations={}, labels={names.RUNTIME_LABEL: "true"})
    assert simulate(story()) == kept
