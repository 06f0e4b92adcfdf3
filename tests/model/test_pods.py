"""In the model of a cluster pods can outlive their Jobs, as in a real one."""

import asyncio

import pytest

from tests.model.cluster import Cluster
from tests.model.installation import NAMESPACE, cluster, request
from tests.model.virtual_loop import simulate

NAME = "kata-deploy-install-node-00"


def job(policy: str | None = None) -> dict[str, object]:
    annotations = {"kata-deploy-job-dispatcher/node-name": "node-00"}
    template = request().job
    spec = {**template["spec"], **({"podReplacementPolicy": policy} if policy else {})}
    metadata = {
        "name": NAME,
        "annotations": annotations,
        "labels": {"kata-deploy/stage": "install"},
    }
    return {**template, "metadata": metadata, "spec": spec}


def terminating(on: Cluster) -> list[bool]:
    return ["deletionTimestamp" in pod["metadata"] for pod in on.at_work("node-00")]


def test_a_pod_outlives_its_deleted_job_and_the_next_one_is_a_violation() -> None:
    async def story() -> None:
        on.create_job(NAMESPACE, job())
        on.delete_job(NAME, None)
        assert terminating(on) == [True]
        on.create_job(NAMESPACE, job())
        await asyncio.sleep(31.0)
        assert on.at_work("node-00") == []

    on = cluster(1, grace_seconds=30.0)
    simulate(story())
    assert on.violations == ["two pods on node-00"]


@pytest.mark.parametrize(
    ("policy", "at_work", "violations"),
    [(None, [True, False], ["two pods on node-00"]), ("Failed", [True], [])],
)
def test_an_evicted_pod_is_replaced_as_the_policy_says(
    policy: str | None, at_work: list[bool], violations: list[str]
) -> None:
    async def story() -> None:
        on.create_job(NAMESPACE, job(policy))
        on.evict_pod(NAME)
        assert terminating(on) == at_work
        await asyncio.sleep(31.0)
        assert terminating(on) == [False]

    on = cluster(1, grace_seconds=30.0, job_seconds=100.0)
    simulate(story())
    assert on.violations == violations


@pytest.mark.parametrize(("waits", "failed"), [(True, False), (False, True)])
def test_a_job_at_its_deadline_fails_after_its_pod_has_ended_or_before(
    *, waits: bool, failed: bool
) -> None:
    async def story() -> None:
        on.create_job(NAMESPACE, job())
        on.expire_job(NAME, waits=waits)
        assert terminating(on) == [True]
        assert (on.active == []) is failed
        await asyncio.sleep(31.0)
        assert (on.active, on.at_work("node-00")) == ([], [])

    on = cluster(1, grace_seconds=30.0, job_seconds=100.0)
    simulate(story())


def test_objects_of_the_same_name_in_two_namespaces_are_distinct() -> None:
    async def story() -> None:
        on.create_job(NAMESPACE, job())
        on.create_job("team-b", job())
        on.delete_job(NAME, None, namespace="team-b")
        assert [made["metadata"]["namespace"] for made in on.active] == [NAMESPACE]

    on = cluster(1)
    simulate(story())
    assert on.violations == ["two Jobs on node-00", "two pods on node-00"]
