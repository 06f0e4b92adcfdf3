"""The pure rules of the stand-in plugin: inputs, differences, replacements, readiness, provider arguments."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sandbox.kubernetes_plugin import kinds, objects, quantities, settings
from sandbox.kubernetes_plugin.diffing import Change, Difference, deletes_before_replace, differences, path_text
from sandbox.kubernetes_plugin.readiness import verdict
from sandbox.kubernetes_plugin.values import UNKNOWN, Secret, from_struct, to_struct, with_secrets_of

VALUES = st.recursive(
    st.booleans() | st.integers(-(2**50), 2**50) | st.text() | st.just(UNKNOWN),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | inner.map(Secret),
)


def config_map(**fields: Any) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "c", "namespace": "n"}, **fields}


def immutable(manifest: dict[str, Any], *, mutable: bool = True) -> tuple[kinds.Path, ...]:
    return kinds.immutable_paths(manifest, config_maps_mutable=mutable, secrets_mutable=mutable)


def replaced(old: dict[str, Any], new: dict[str, Any], *, mutable: bool = True) -> list[str]:
    found = differences(old, new, immutable(new, mutable=mutable))
    return [path_text(difference.path) for difference in found if difference.replaces]


@hypothesis_settings(max_examples=40)
@given(st.dictionaries(st.text(), VALUES))
def test_properties_survive_the_wire(properties: dict[str, Any]) -> None:
    assert from_struct(to_struct(properties)) == properties


def test_equal_inputs_have_no_difference() -> None:
    assert differences(config_map(data={"a": "1"}), config_map(data={"a": "1"}), ()) == []


def test_differences_name_every_property() -> None:
    old = config_map(data={"a": "1", "b": "2"}, items=[{"x": 1}, {"x": 2}])
    new = config_map(data={"a": "9", "c.d": "3"}, items=[{"x": 1}])
    found = {path_text(d.path): d.change for d in differences(old, new, ())}
    assert found == {
        "data.a": Change.UPDATE,
        "data.b": Change.DELETE,
        'data["c.d"]': Change.ADD,
        "items[1]": Change.DELETE,
    }


def test_a_true_is_not_a_one() -> None:
    assert differences({"a": 1}, {"a": True}, ()) == [Difference(("a",), Change.UPDATE, replaces=False)]


def test_a_value_not_known_yet_is_a_difference() -> None:
    assert differences({"a": "1"}, {"a": UNKNOWN}, ()) == [Difference(("a",), Change.UPDATE, replaces=False)]


def test_ignored_properties_are_no_difference() -> None:
    old, new = config_map(data={"a": "1", "ab": "1"}), config_map(data={"a": "2", "ab": "2"})
    assert [path_text(d.path) for d in differences(old, new, (), ["data.a"])] == ["data.ab"]


def test_content_of_a_config_map_replaces_unless_mutable() -> None:
    old, new = config_map(data={"a": "1"}), config_map(data={"a": "2"})
    assert replaced(old, new, mutable=False) == ["data.a"]
    assert replaced(old, new, mutable=True) == []


def test_an_immutable_config_map_is_always_replaced() -> None:
    old, new = config_map(data={"a": "1"}, immutable=True), config_map(data={"a": "2"}, immutable=True)
    assert replaced(old, new, mutable=True) == ["data.a"]


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (("batch/v1", "Job"), ("spec", "template", "spec", "nodeName")),
        (("batch/v1", "Job"), ("spec", "completions")),
        (("apps/v1", "DaemonSet"), ("spec", "selector", "matchLabels", "app")),
        (("rbac.authorization.k8s.io/v1", "RoleBinding"), ("roleRef", "name")),
        (("v1", "ServiceAccount"), ("metadata", "name")),
        (("v1", "ServiceAccount"), ("metadata", "namespace")),
    ],
)
def test_a_change_of_an_immutable_field_replaces(kind: tuple[str, str], path: tuple[str, ...]) -> None:
    def manifest(value: str) -> dict[str, Any]:
        tree: Any = value
        for key in reversed(path):
            tree = {key: tree}
        return {"apiVersion": kind[0], "kind": kind[1], **tree}

    assert replaced(manifest("old"), manifest("new")) == [".".join(path)]


@pytest.mark.parametrize(
    ("api_version", "kind", "field"),
    [("batch/v1", "Job", "ttlSecondsAfterFinished"), ("apps/v1", "DaemonSet", "template")],
)
def test_a_change_of_a_mutable_field_updates(api_version: str, kind: str, field: str) -> None:
    old: dict[str, Any] = {"apiVersion": api_version, "kind": kind, "spec": {field: 1}}
    assert replaced(old, old | {"spec": {field: 2}}) == []


def test_a_parent_that_goes_takes_an_immutable_field_along() -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job"}
    assert replaced(job | {"spec": {"template": {}}}, job) == ["spec"]


def test_only_an_object_of_the_same_given_name_is_deleted_before() -> None:
    old = config_map()
    autonamed = {"name": "c", "namespace": "n", "annotations": {objects.AUTONAMED: "true"}}
    assert deletes_before_replace(old, old)
    assert not deletes_before_replace(old, config_map(metadata={"name": "other", "namespace": "n"}))
    assert not deletes_before_replace(old, config_map(metadata={"name": "c", "namespace": "other"}))
    assert not deletes_before_replace(old, config_map(metadata=autonamed))


def test_a_missing_name_is_made_up_and_kept() -> None:
    first = objects.named(objects.checked("v1", "ConfigMap", {}), {}, f"c-{objects.suffix(b'seed')}")
    assert first["metadata"]["name"] == "c-19b25856"
    assert objects.is_autonamed(first)
    again = objects.named(objects.checked("v1", "ConfigMap", {}), first, "c-00000000")
    assert again == first


def test_a_given_name_is_kept_as_it_is() -> None:
    inputs = objects.checked("v1", "ConfigMap", {"metadata": {"name": "mine"}})
    assert objects.named(inputs, {}, "c-12345678") == inputs


def test_a_name_not_known_yet_is_not_made_up() -> None:
    inputs = objects.checked("v1", "ConfigMap", {"metadata": {"name": UNKNOWN}})
    assert objects.named(inputs, {}, "c-12345678") == inputs


def test_inputs_lose_internal_keys_and_what_the_server_sets() -> None:
    news = {"__defaults": [], "metadata": {"name": "c", "uid": "1", "resourceVersion": "2"}, "data": {}}
    assert objects.checked("v1", "ConfigMap", news) == config_map(metadata={"name": "c"}, data={})


def test_content_of_a_secret_is_secret() -> None:
    inputs = objects.checked("v1", "Secret", {"stringData": {"a": "b"}})
    assert inputs["stringData"] == Secret({"a": "b"})


def test_secret_inputs_make_secret_outputs() -> None:
    inputs = {"data": {"a": Secret("1"), "b": "2"}, "items": ["x", Secret("y")]}
    outputs = {"data": {"a": "1", "b": "2"}, "items": ["x", "y"], "status": {}}
    expected = {"data": {"a": Secret("1"), "b": "2"}, "items": Secret(["x", "y"]), "status": {}}
    assert with_secrets_of(outputs, inputs) == expected


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("1000m", "1"),
        ("0.1", "100m"),
        (1, "1"),
        (0.5, "500m"),
        ("1000", "1k"),
        ("1024Ki", "1Mi"),
        ("0.5Gi", "512Mi"),
        ("100Ki", "100Ki"),
        ("160Mi", "160Mi"),
        ("0m", "0"),
        ("-1500m", "-1500m"),
        ("1e3", "1e3"),
        ("all", "all"),
        (True, True),
    ],
)
def test_quantities_are_written_as_the_server_does(given: object, expected: object) -> None:
    assert quantities.canonical(given) == expected


def test_quantities_of_built_in_kinds_are_canonical_in_the_inputs() -> None:
    news = {"overhead": {"podFixed": {"cpu": "1000m"}}, "handler": "1000m"}
    inputs = objects.checked("node.k8s.io/v1", "RuntimeClass", news)
    assert (inputs["overhead"], inputs["handler"]) == ({"podFixed": {"cpu": "1"}}, "1000m")
    assert objects.checked("example.com/v1", "Thing", news)["overhead"] == {"podFixed": {"cpu": "1000m"}}


def test_a_refresh_takes_over_drift_and_nothing_the_program_never_set() -> None:
    inputs = config_map(data={"a": "1", "gone": "x"}, items=[{"x": 1}], binaryData={})
    live = config_map(data={"a": "drift", "foreign": "y"}, items=[{"x": 1, "default": True}, {"x": 2}], status={})
    expected = config_map(data={"a": "drift"}, items=[{"x": 1}, {"x": 2}], binaryData={})
    assert objects.refreshed_inputs(live, inputs) == expected


def test_a_refresh_reads_the_write_only_part_of_a_secret_back() -> None:
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "s"}}
    inputs = objects.checked("v1", "Secret", {**secret, "stringData": {"a": "b"}})
    assert objects.refreshed_inputs(secret | {"data": {"a": "Yg=="}}, inputs) == inputs


def test_the_state_gives_back_inputs_object_and_field_manager() -> None:
    inputs = config_map(data=Secret({"a": "1"}))
    live = config_map(data={"a": "1"}, metadata={"name": "c", "uid": "7", "managedFields": [{}]})
    state = objects.state_of(live, inputs, "me")
    assert state["data"] == Secret({"a": "1"})
    assert objects.parse_state(state) == (
        config_map(data={"a": "1"}),
        config_map(data={"a": "1"}, metadata={"name": "c", "uid": "7"}),
        "me",
    )


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        ("kubernetes:core/v1:ConfigMap", ("v1", "ConfigMap")),
        ("kubernetes:apps/v1:DaemonSet", ("apps/v1", "DaemonSet")),
        (
            "kubernetes:rbac.authorization.k8s.io/v1:ClusterRole",
            ("rbac.authorization.k8s.io/v1", "ClusterRole"),
        ),
    ],
)
def test_a_type_names_apiversion_and_kind(token: str, expected: tuple[str, str]) -> None:
    assert kinds.type_of(token) == expected


@pytest.mark.parametrize(
    "token", ["kubernetes:helm.sh/v3:Release", "kubernetes:core/v1:NodePatch", "kubernetes:core/v1:ConfigMapList"]
)
def test_types_of_more_than_an_object_are_refused(token: str) -> None:
    with pytest.raises(ValueError, match="stand-in plugin"):
        kinds.type_of(token)


def daemon_set(observed: int, **counts: int) -> dict[str, Any]:
    status = {"observedGeneration": observed, "desiredNumberScheduled": 2, **counts}
    return {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"generation": 2}, "status": status}


ALL = {"currentNumberScheduled": 2, "updatedNumberScheduled": 2, "numberAvailable": 2, "numberReady": 2}


def test_a_daemon_set_is_ready_when_every_pod_is_of_this_generation_and_available() -> None:
    assert verdict(daemon_set(2, **ALL)).ready
    assert not verdict(daemon_set(1, **ALL)).ready
    assert verdict(daemon_set(2, **ALL | {"updatedNumberScheduled": 1})).text == "updated 1/2"
    assert not verdict(daemon_set(2, **ALL | {"numberAvailable": 1})).ready


def job(condition: str, reason: str = "") -> dict[str, Any]:
    conditions = [{"type": condition, "status": "True", "reason": reason, "message": "m"}]
    return {"apiVersion": "batch/v1", "kind": "Job", "status": {"startTime": "now", "conditions": conditions}}


@pytest.mark.parametrize("reason", ["BackoffLimitExceeded", "DeadlineExceeded"])
def test_a_job_without_hope_fails_at_once(reason: str) -> None:
    assert verdict(job("Failed", reason)).failed


def test_a_job_that_failed_for_another_reason_is_waited_for() -> None:
    assert verdict(job("Failed", "PodFailurePolicy")) == (False, False, "failed (PodFailurePolicy): m")


def test_a_complete_job_is_ready() -> None:
    assert verdict(job("Complete")).ready


def test_unknown_arguments_of_the_provider_are_refused_with_a_close_match() -> None:
    (problem,) = settings.problems({"upsertExistingObject": "true", "kubeconfig": "x", "__internal": {}})
    assert problem == (
        "upsertExistingObject",
        "the Kubernetes provider has no argument of that name; did you mean upsertExistingObjects?",
    )


def test_arguments_that_cannot_be_honoured_are_refused() -> None:
    assert settings.problems({"enableServerSideApply": "true", "alwaysRender": "false"}) == []
    names = [name for name, _ in settings.problems({"enableServerSideApply": "false", "renderYamlToDirectory": "x"})]
    assert names == ["enableServerSideApply", "renderYamlToDirectory"]


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_K8S_ENABLE_CONFIGMAP_MUTABLE", "true")
    assert settings.from_variables({}).config_maps_mutable
    assert not settings.from_variables({"kubernetes:config:enableConfigMapMutable": "false"}).config_maps_mutable


def test_only_another_cluster_replaces_all_objects() -> None:
    olds, news = {"kubeconfig": "a", "namespace": "x"}, {"kubeconfig": "b", "namespace": "y"}
    assert settings.replacing(olds, news, other_cluster=False) == []
    assert settings.replacing(olds, news, other_cluster=True) == ["kubeconfig"]
    assert settings.replacing(olds, news | {"context": UNKNOWN}, other_cluster=False) == ["context"]


def test_a_cluster_identifier_decides_alone() -> None:
    olds, news = {"kubeconfig": "a", "clusterIdentifier": "1"}, {"kubeconfig": "b", "clusterIdentifier": "1"}
    assert settings.replacing(olds, news, other_cluster=True) == []
    assert settings.replacing(olds, news | {"clusterIdentifier": "2"}, other_cluster=True) == ["clusterIdentifier"]
