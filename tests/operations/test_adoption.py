"""Objects of a Helm release: found, refused or announced, and taken out of Helm's hands."""

import dataclasses
from typing import Any

import pytest

from kata_components import names
from kata_components.errors import ApiError
from kata_components.operations import adoption
from kata_components.operations.adoption import AdoptionCheck, AdoptionRequest
from kata_components.operations.objects_there import ObjectName
from tests.model.cluster import Cluster
from tests.model.fake_api import FakeKubeApi, path_of
from tests.model.virtual_loop import simulate

ACCOUNT = ObjectName(
    api_version="v1", plural="serviceaccounts", namespace="kube-system", name="kata-deploy-sa"
)
CLASS = ObjectName(
    api_version="node.k8s.io/v1", plural="runtimeclasses", namespace="", name="kata-qemu"
)
DAEMON_SET = ObjectName(
    api_version="apps/v1", plural="daemonsets", namespace="kube-system", name="kata-deploy"
)
PODS = {
    "metadata": {"labels": {"name": "kata-deploy"}},
    "spec": {"containers": [{"name": "kube-kata", "image": "i:1"}]},
}
NOTE = {"meta.helm.sh/release-name": "kata", "meta.helm.sh/release-namespace": "kube-system"}
FORGET = "`kubectl -n kube-system delete secret -l owner=helm,name=kata`"
OURS = "kata-deploy/test"
MANIFEST = {"handler": "kata-qemu", "overhead": {"podFixed": {"memory": "2048Mi", "cpu": "1.0"}}}
LIVE = {"handler": "kata-qemu", "overhead": {"podFixed": {"memory": "2Gi", "cpu": "1"}}}
JOB = AdoptionRequest(
    objects=(ACCOUNT, CLASS),
    stacks=frozenset({OURS}),
    established=False,
    adopt=True,
    mode="job",
    namespace="kube-system",
    suffix="",
    contents={
        CLASS: {"apiVersion": "node.k8s.io/v1", "metadata": {"name": "kata-qemu"}, **MANIFEST}
    },
)
DAEMONSET = dataclasses.replace(
    JOB,
    objects=(ACCOUNT, DAEMON_SET),
    mode="daemonset",
    contents={DAEMON_SET: {"spec": {"template": PODS}}},
)


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


def check(on: Cluster, request: AdoptionRequest) -> AdoptionCheck:
    api = FakeKubeApi(on)
    found = simulate(adoption.check(api, request))
    assert set(api.asked) <= {"list_metadata", "get_metadata", "get_object"}
    return found


def put(
    on: Cluster, name: ObjectName, content: dict[str, Any] | None = None, **metadata: Any
) -> Cluster:
    """Add an object that somebody other than Helm has applied."""
    found = {"metadata": {"name": name.name, **metadata}, **(content or {})}
    on.objects[path_of(name.plural, name.namespace, name.name)] = found
    return on


def refusal(found: AdoptionCheck) -> str:
    (refused,) = found.refusals
    assert found.announcements == []
    return refused.text


def announcement(found: AdoptionCheck) -> str:
    assert found.refusals == []
    (announced,) = found.announcements
    return announced


def test_where_nothing_is_there_is_nothing_to_say_or_to_do() -> None:
    assert check(Cluster(), JOB) == AdoptionCheck([], [])
    api = FakeKubeApi(cluster(ACCOUNT, note={}))
    api.cluster.objects["namespaces/kube-system/serviceaccounts/kata-deploy-sa"]["metadata"][
        "labels"
    ] = {}
    assert simulate(adoption.adopt(api, JOB.objects)) is None
    assert "patch_metadata" not in api.asked


def test_without_adopt_the_release_is_refused() -> None:
    assert (
        "belongs to the Helm release kata in namespace kube-system (runtimeclasses/kata-qemu)"
        in (refusal(check(cluster(CLASS), dataclasses.replace(JOB, adopt=False))))
    )


def test_with_adopt_the_release_is_announced_with_what_to_do_about_helm() -> None:
    assert announcement(check(cluster(ACCOUNT, CLASS), JOB)) == (
        "takes over 2 objects of the Helm release kata in namespace kube-system; they stay, and "
        "Helm's labels are removed from them\n"
        "  afterwards never run `helm uninstall` or `helm upgrade` on it: they would remove or "
        "change them\n"
        f"  after `pulumi up`, make Helm forget the release: {FORGET}"
    )


PODS_STAY = "has the pods of this configuration already: none restarts"


@pytest.mark.parametrize(
    ("image", "words"), [("i:1", PODS_STAY), ("i:0", "they restart on 5 nodes")]
)
def test_announcement_says_whether_the_pods_of_the_daemon_set_restart(
    image: str, words: str
) -> None:
    assert words in announcement(check(with_pods(cluster(ACCOUNT, DAEMON_SET), image), DAEMONSET))


@pytest.mark.parametrize("adopt", [True, False])
@pytest.mark.parametrize("by_helm", [True, False])
def test_what_installs_in_the_other_mode_is_refused_whoever_has_it(
    adopt: bool, by_helm: bool
) -> None:
    def there(name: ObjectName) -> Cluster:
        return cluster(name) if by_helm else put(Cluster(), name)

    def asked(request: AdoptionRequest) -> AdoptionRequest:
        return dataclasses.replace(request, adopt=adopt)

    text = refusal(check(there(DAEMON_SET), asked(JOB)))
    assert "deploymentMode daemonset (it has daemonsets/kube-system/kata-deploy)" in text
    assert "Uninstall it first, with the tool that installed it" in text
    templates = ObjectName(
        api_version="v1",
        plural="configmaps",
        namespace="kube-system",
        name="kata-deploy-job-templates",
    )
    assert "deploymentMode job (it has configmaps/kube-system/kata-deploy-job-templates)" in (
        refusal(check(there(templates), asked(DAEMONSET)))
    )


def test_objects_that_name_the_stack_are_ours_and_those_of_another_are_refused_with_adopt_too() -> (
    None
):
    on = put(Cluster(), CLASS, annotations={names.STACK_ANNOTATION: OURS})
    assert check(on, JOB) == AdoptionCheck([], [], frozenset({OURS}))
    put(on, ACCOUNT, annotations={names.STACK_ANNOTATION: "kata-deploy/b"})
    text = refusal(check(on, JOB))
    assert "belongs to the stack kata-deploy/b (serviceaccounts/kube-system/kata-deploy-sa)" in text
    renamed = dataclasses.replace(JOB, stacks=frozenset({OURS, "kata-deploy/b"}))
    assert check(on, renamed).refusals == []


def test_objects_that_nobody_says_are_his_are_refused_unless_told_to_adopt_them() -> None:
    on = with_pods(put(put(Cluster(), DAEMON_SET), ACCOUNT), "i:0")
    text = refusal(check(on, dataclasses.replace(DAEMONSET, adopt=False)))
    assert text.startswith(
        "2 objects of this installation exist already, not created by any stack ("
    )
    assert "daemonsets/kube-system/kata-deploy" in text
    assert "rollout.existing adopt" in text
    said = announcement(check(on, DAEMONSET))
    assert said.startswith("takes over 2 objects that already exist (")
    assert "they restart on 5 nodes" in said
    assert "`pulumi destroy` will delete them" in said


@pytest.mark.parametrize("key", [names.STACK_ANNOTATION, "meta.helm.sh/release-name"])
def test_whoever_may_annotate_objects_forges_no_line(key: str) -> None:
    on = put(Cluster(), CLASS, annotations={key: "x\n\x1b[2Jplan: nothing to do\n" + "y" * 100_000})
    text = refusal(check(on, dataclasses.replace(JOB, adopt=False)))
    assert "\x1b" not in text
    # Advice has lines of its own; a forged line would begin at the margin.
    assert all(line.startswith("  ") for line in text.splitlines()[1:])
    assert len(text) < 2_000


def test_helms_label_alone_is_that_of_a_rendered_chart() -> None:
    on = cluster(ACCOUNT, note={})
    assert "not created by any stack (" in refusal(check(on, dataclasses.replace(JOB, adopt=False)))
    assert announcement(check(on, JOB)).startswith("takes over 1 object that already exists (")


def test_objects_of_the_whole_cluster_are_adopted_where_they_are_equal() -> None:
    assert "runtimeclasses/kata-qemu" in announcement(check(put(Cluster(), CLASS, LIVE), JOB))


@pytest.mark.parametrize(
    "content",
    [
        {**LIVE, "overhead": {"podFixed": {"memory": "4Gi", "cpu": "1"}}},
        {**LIVE, "scheduling": {"nodeSelector": {"team": "b"}}},
        {**LIVE, "handler": "kata-other"},
        {"handler": "kata-qemu"},
    ],
)
def test_objects_of_another_team_are_never_adopted(content: dict[str, Any]) -> None:
    text = refusal(check(put(Cluster(), CLASS, content, labels={"team": "b"}), JOB))
    assert text.startswith(
        "1 object of the whole cluster exists already and differs from this configuration ("
    )
    assert "Other people's objects are never overwritten or deleted" in text


def test_objects_of_an_older_version_are_known_by_who_applied_them() -> None:
    fields = [{"manager": "pulumi-kubernetes-2b4c0d6e"}, {"manager": "kube-controller-manager"}]
    on = put(
        put(Cluster(), CLASS, managedFields=fields), ACCOUNT, managedFields=[{"manager": "kubectl"}]
    )
    asked = dataclasses.replace(JOB, adopt=False, established=True)
    assert "(serviceaccounts/kube-system/kata-deploy-sa)" in refusal(check(on, asked))
    # Without an installation of this stack they may be those of a stack elsewhere.
    assert "2 objects" in refusal(check(on, dataclasses.replace(asked, established=False)))
    # A ServiceAccount that has nothing but its name has no manager.
    known = check(put(on, ACCOUNT, managedFields=None), asked)
    assert known.refusals == []
    assert known.announcements == [
        "2 objects of this stack, made by an older version of this program, will be annotated "
        "with the stack's name; "
        "nothing else about them changes, and no node is touched"
    ]


def test_taking_over_removes_helms_traces_and_says_what_is_left_to_do() -> None:
    on = cluster(ACCOUNT, CLASS)
    said = simulate(adoption.adopt(FakeKubeApi(on), JOB.objects))
    assert (
        said == "took over 2 objects of the Helm release kata in namespace kube-system. "
        f"Now make Helm forget it: {FORGET}"
    )
    for path in (
        "namespaces/kube-system/serviceaccounts/kata-deploy-sa",
        "runtimeclasses/kata-qemu",
    ):
        metadata = on.objects[path]["metadata"]
        assert (metadata["labels"], metadata["annotations"]) == ({}, {})
    assert simulate(adoption.adopt(FakeKubeApi(on), JOB.objects)) is None


def test_without_objects_nothing_is_taken_over() -> None:
    api = FakeKubeApi(cluster(CLASS))
    assert simulate(adoption.adopt(api, ())) is None
    assert api.asked == []


def test_object_that_changes_meanwhile_is_read_again() -> None:
    api = FakeKubeApi(cluster(CLASS))
    api.refuse(
        "patch_metadata",
        ApiError(409, "Conflict", "modified"),
        ApiError(409, "Conflict", "modified"),
    )
    assert simulate(adoption.adopt(api, JOB.objects))
    assert api.asked.count("patch_metadata") == 3


@pytest.mark.parametrize(
    "errors", [[ApiError(409, "Conflict", "modified")] * 5, [ApiError(403, "Forbidden", "no")]]
)
def test_object_that_cannot_be_changed_is_an_error(errors: list[ApiError]) -> None:
    api = FakeKubeApi(cluster(CLASS))
    api.refuse("patch_metadata", *errors)
    with pytest.raises(ApiError):
        simulate(adoption.adopt(api, JOB.objects))
