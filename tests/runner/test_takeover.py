"""Objects of a Helm release: found, refused or announced, and taken out of Helm's hands."""

import dataclasses
from typing import Any

import pytest

from kata_components.errors import ApiError
from kata_components.runner import takeover
from kata_components.runner.takeover import Finding, ObjectName, TakeoverRequest
from tests.rollout.builders import text_of
from tests.runner.cluster import Cluster
from tests.runner.fake_api import FakeKubeApi, path_of
from tests.runner.virtual_loop import simulate

ACCOUNT = ObjectName(api_version="v1", plural="serviceaccounts", namespace="kube-system", name="kata-deploy-sa")
CLASS = ObjectName(api_version="node.k8s.io/v1", plural="runtimeclasses", namespace="", name="kata-qemu")
DAEMON_SET = ObjectName(api_version="apps/v1", plural="daemonsets", namespace="kube-system", name="kata-deploy")
PODS = {
    "metadata": {"labels": {"name": "kata-deploy"}},
    "spec": {"containers": [{"name": "kube-kata", "image": "i:1"}]},
}
NOTE = {"meta.helm.sh/release-name": "kata", "meta.helm.sh/release-namespace": "kube-system"}
FORGET = "`kubectl -n kube-system delete secret -l owner=helm,name=kata`"
JOB = TakeoverRequest(
    objects=(ACCOUNT, CLASS), adopt=True, mode="job", namespace="kube-system", suffix="", pods=None
)  # fmt: skip
DAEMONSET = dataclasses.replace(JOB, objects=(ACCOUNT, DAEMON_SET), mode="daemonset", pods=PODS)


def cluster(*objects: ObjectName, note: dict[str, str] | None = None) -> Cluster:
    """Return a cluster in which Helm has made those objects."""
    on = Cluster()
    for name in objects:
        metadata = {
            "name": name.name,
            "resourceVersion": "1",
            "annotations": NOTE if note is None else note,
            "labels": {"app.kubernetes.io/managed-by": "Helm"},
        }
        on.objects[path_of(name.plural, name.namespace, name.name)] = {"metadata": metadata}
    return on


def with_pods(on: Cluster, image: str) -> Cluster:
    template: dict[str, Any] = {
        "metadata": PODS["metadata"],
        "spec": {"containers": [{"name": "kube-kata", "image": image}]},
    }
    daemon_set = on.objects["namespaces/kube-system/daemonsets/kata-deploy"]
    on.objects["namespaces/kube-system/daemonsets/kata-deploy"] = {
        **daemon_set, "spec": {"template": template}, "status": {"currentNumberScheduled": 5},
    }  # fmt: skip
    return on


def examine(on: Cluster, request: TakeoverRequest) -> Finding:
    api = FakeKubeApi(on)
    found = simulate(takeover.examine(api, request))
    assert set(api.asked) <= {"list_metadata", "get_daemon_set"}
    return found


def test_without_helm_there_is_nothing_to_say_or_to_do() -> None:
    on = cluster(ACCOUNT, note={})
    on.objects["namespaces/kube-system/serviceaccounts/kata-deploy-sa"]["metadata"]["labels"] = {}
    assert examine(on, JOB) == Finding()
    api = FakeKubeApi(on)
    assert simulate(takeover.carry_out(api, JOB.objects)) is None
    assert "patch_metadata" not in api.asked


def test_without_adopt_the_release_is_refused() -> None:
    found = examine(cluster(CLASS), dataclasses.replace(JOB, adopt=False))
    assert "belongs to the Helm release kata in namespace kube-system (runtimeclasses/kata-qemu)" in (
        text_of(found.refusal)
    )
    assert found.announcement is None


def test_with_adopt_the_release_is_announced_with_what_to_do_about_helm() -> None:
    found = examine(cluster(ACCOUNT, CLASS), JOB)
    assert found.refusal is None
    assert found.announcement == (
        "takes over 2 objects of the Helm release kata in namespace kube-system; they stay, Helm's labels on them go\n"
        "  from then on never run `helm uninstall` or `helm upgrade` on it: they would remove or change them\n"
        f"  after `pulumi up`, make Helm forget the release: {FORGET}"
    )


@pytest.mark.parametrize(
    ("image", "words"),
    [("i:1", "has the pods of this configuration already: none restarts"), ("i:0", "they restart on 5 nodes")],
)
def test_announcement_says_whether_the_pods_of_the_daemon_set_restart(image: str, words: str) -> None:
    found = examine(with_pods(cluster(ACCOUNT, DAEMON_SET), image), DAEMONSET)
    assert words in (found.announcement or "")


def test_release_of_the_other_mode_is_refused() -> None:
    found = examine(cluster(ACCOUNT, DAEMON_SET), JOB)
    assert "deploymentMode daemonset (it has daemonsets/kube-system/kata-deploy)" in text_of(found.refusal)
    templates = ObjectName(
        api_version="v1", plural="configmaps", namespace="kube-system", name="kata-deploy-job-templates"
    )
    found = examine(cluster(ACCOUNT, templates), DAEMONSET)
    assert "deploymentMode job (it has configmaps/kube-system/kata-deploy-job-templates)" in text_of(found.refusal)


def test_taking_over_removes_helms_traces_and_says_what_is_left_to_do() -> None:
    on = cluster(ACCOUNT, CLASS)
    said = simulate(takeover.carry_out(FakeKubeApi(on), JOB.objects))
    assert (
        said
        == f"took over 2 objects of the Helm release kata in namespace kube-system. Now make Helm forget it: {FORGET}"
    )
    for path in ("namespaces/kube-system/serviceaccounts/kata-deploy-sa", "runtimeclasses/kata-qemu"):
        metadata = on.objects[path]["metadata"]
        assert (metadata["labels"], metadata["annotations"]) == ({}, {})
    assert examine(on, JOB) == Finding()


def test_without_objects_nothing_is_taken_over() -> None:
    api = FakeKubeApi(cluster(CLASS))
    assert simulate(takeover.carry_out(api, ())) is None
    assert api.asked == []


def test_object_that_changes_meanwhile_is_read_again() -> None:
    api = FakeKubeApi(cluster(CLASS))
    api.refuse("patch_metadata", ApiError(409, "Conflict", "modified"), ApiError(409, "Conflict", "modified"))
    assert simulate(takeover.carry_out(api, JOB.objects))
    assert api.asked.count("patch_metadata") == 3


@pytest.mark.parametrize("errors", [[ApiError(409, "Conflict", "modified")] * 5, [ApiError(403, "Forbidden", "no")]])
def test_object_that_cannot_be_changed_is_an_error(errors: list[ApiError]) -> None:
    api = FakeKubeApi(cluster(CLASS))
    api.refuse("patch_metadata", *errors)
    with pytest.raises(ApiError):
        simulate(takeover.carry_out(api, JOB.objects))
