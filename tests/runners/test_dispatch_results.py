"""What upstream's dispatcher leaves on nodes, from 0.3.0 on, in the failures of a run."""

from collections.abc import Mapping
from typing import Any

from kata_components import names
from tests.model.cluster import Cluster, Fate
from tests.model.fake_api import FakeKubeApi
from tests.model.history import Object, RefusedError
from tests.model.installation import cluster
from tests.model.store import HOME
from tests.model.virtual_loop import simulate
from tests.runners.dispatching import configured, destroy, up

SETTINGS = configured("4.2.0")
JOB = "kata-deploy-install-node-01"
LONG_AGO = "2020-01-01T00:00:00Z"
KEYS = {names.RESULT_LABEL, names.ERROR_ANNOTATION, names.FINISHED_AT_ANNOTATION}


def left(on: Cluster, node: str) -> dict[str, str]:
    metadata = on.nodes[node]["metadata"]
    found = {**metadata["labels"], **metadata["annotations"]}
    return {key: value for key, value in found.items() if key in KEYS}


class Reaping(Cluster):
    """Removes the pods of a Job at its end, as at a deadline."""

    def end_job(self, name: str, fate: Fate = "succeeds", *, namespace: str = HOME) -> None:
        super().end_job(name, fate, namespace=namespace)
        for pod in [pod for pod in self.pods if pod.startswith(f"{name}-")]:
            del self.pods[pod]


def test_what_the_dispatcher_has_left_explains_a_failure_whose_pod_is_gone() -> None:
    done = simulate(up(FakeKubeApi(cluster(3, kind=Reaping, fates={"node-01": "fails"})), SETTINGS))
    assert f"node-01: its job {JOB} failed: artifacts exited 1: no space left" in done.failure


class Refusing(Cluster):
    """Refuses the Job of one node, which the dispatcher then fails without one."""

    def admit_job(self, namespace: str, manifest: Object) -> None:
        super().admit_job(namespace, manifest)
        if manifest["metadata"]["name"] == JOB:
            raise RefusedError(403, "Forbidden", "the policy wants no such Job")


def test_a_node_that_got_no_job_says_what_the_dispatcher_has_left() -> None:
    done = simulate(up(FakeKubeApi(cluster(2, kind=Refusing)), SETTINGS))
    assert "node-01: no Job was made for it, or it was deleted: the policy wants" in done.failure


class Outdated(Refusing):
    """Has on its nodes what a run of long ago has left: this dispatcher may not write there."""

    def patch_node(
        self,
        name: str,
        uid: str,
        *,
        annotations: Mapping[str, str | None] | None = None,
        **rest: Any,
    ) -> Object:
        if annotations and names.FINISHED_AT_ANNOTATION in annotations:
            annotations = {**annotations, names.FINISHED_AT_ANNOTATION: LONG_AGO}
        return super().patch_node(name, uid, annotations=annotations, **rest)


def test_what_a_run_of_long_ago_has_left_explains_nothing() -> None:
    done = simulate(up(FakeKubeApi(cluster(2, kind=Outdated)), SETTINGS))
    assert "node-01: no Job was made for it" in done.failure
    assert "the policy wants" not in done.failure


def test_nodes_keep_the_result_and_lose_it_with_the_installation() -> None:
    on = cluster(3)
    simulate(up(FakeKubeApi(on), SETTINGS))
    assert {left(on, node)[names.RESULT_LABEL] for node in on.nodes} == {"succeeded"}
    simulate(destroy(FakeKubeApi(on), SETTINGS))
    assert [left(on, node) for node in on.nodes] == [{}] * 3
