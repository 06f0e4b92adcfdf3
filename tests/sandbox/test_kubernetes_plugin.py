"""The stand-in plugin over gRPC, as the engine drives it: check, diff, create, update, read; and its process."""

import subprocess
import sys
from pathlib import Path

import grpc
import pytest

from sandbox.kubernetes_plugin.protocol import engine_pb2, provider_pb2
from sandbox.kubernetes_plugin.provider import GREETING
from sandbox.kubernetes_plugin.values import UNKNOWN, Secret, from_struct, to_struct
from tests.sandbox.kubernetes_plugin_client import CONFIG_MAPS, Plugin, config_map, init_failure, text
from tests.sandbox.kubernetes_plugin_double import FakeApiServer, RecordingEngine

ROOT = Path(__file__).parents[2]


def test_check_gives_name_and_namespace(configured: Plugin) -> None:
    inputs = from_struct(configured.check("core/v1:ConfigMap", {"data": {"a": "1"}}).inputs)
    assert (inputs["metadata"]["name"], inputs["metadata"]["namespace"]) == ("res-19b25856", "n")


def test_check_gives_no_namespace_to_cluster_scoped_kinds(configured: Plugin) -> None:
    inputs = from_struct(configured.check("node.k8s.io/v1:RuntimeClass", {"metadata": {"name": "kata"}}).inputs)
    assert inputs["metadata"] == {"name": "kata"}


def test_check_refuses_what_is_no_object(configured: Plugin) -> None:
    (failure,) = configured.check("helm.sh/v3:Release", {}).failures
    assert "single objects only" in failure.reason


def test_check_config_refuses_unknown_arguments(plugin: Plugin) -> None:
    request = provider_pb2.CheckRequest(news=to_struct({"upsertExisting": "true"}))
    (failure,) = plugin.stub.CheckConfig(request).failures
    assert failure.property == "upsertExisting"


def test_nothing_changed_is_no_diff_and_asks_nobody(configured: Plugin, api: FakeApiServer) -> None:
    answer = configured.diff(config_map(a="1"), config_map(a="1"))
    assert answer.changes == provider_pb2.DiffResponse.DIFF_NONE
    assert api.calls == []


def test_a_replacement_under_the_same_name_deletes_first(configured: Plugin) -> None:
    answer = configured.diff(config_map(a="1"), config_map(a="2"))
    assert answer.deleteBeforeReplace
    assert list(answer.replaces) == ["data.a"]
    assert answer.detailedDiff["data.a"].kind == provider_pb2.PropertyDiff.UPDATE_REPLACE


def test_create_posts_once_and_keeps_the_live_object(configured: Plugin, api: FakeApiServer) -> None:
    answer = configured.create("core/v1:ConfigMap", config_map(a=Secret("1")))
    state = from_struct(answer.properties)
    assert answer.id == "n/x"
    assert state["metadata"]["uid"] == "uid-1"
    assert state["data"] == {"a": Secret("1")}
    (call,) = api.calls
    assert (call.method, call.path, call.body) == ("POST", CONFIG_MAPS, config_map(a="1"))
    assert call.query["fieldManager"] == state["__fieldManager"]


def test_create_refuses_to_take_over_an_existing_object(configured: Plugin, api: FakeApiServer) -> None:
    api.put(f"{CONFIG_MAPS}/x", config_map())
    with pytest.raises(grpc.RpcError) as caught:
        configured.create("core/v1:ConfigMap", config_map(a="1"))
    assert "already exists" in text(caught.value)
    assert "upsertExistingObjects" in text(caught.value)


@pytest.mark.parametrize(("argument", "force"), [("false", "false"), ("true", "true")])
def test_upsert_applies_and_forces_only_when_told(
    plugin: Plugin, api: FakeApiServer, argument: str, force: str
) -> None:
    plugin.configure(api.url, upsertExistingObjects="true", enablePatchForce=argument)
    api.put(f"{CONFIG_MAPS}/x", config_map())
    assert plugin.create("core/v1:ConfigMap", config_map(a="1")).id == "n/x"
    (call,) = api.writes()
    assert (call.method, call.query["force"]) == ("PATCH", force)


def test_preview_of_create_is_a_dry_run(configured: Plugin, api: FakeApiServer) -> None:
    answer = configured.create("core/v1:ConfigMap", config_map(a="1"), preview=True)
    assert answer.id == ""
    assert api.calls[0].query["dryRun"] == "All"
    assert api.objects == {}


def test_preview_with_unknown_values_returns_the_inputs(configured: Plugin, api: FakeApiServer) -> None:
    inputs = config_map(a=UNKNOWN)
    assert from_struct(configured.create("core/v1:ConfigMap", inputs, preview=True).properties) == inputs
    assert api.calls == []


def test_preview_shows_what_the_server_refuses(configured: Plugin, api: FakeApiServer) -> None:
    api.refusal = (422, "Invalid", "data: Invalid value")
    with pytest.raises(grpc.RpcError) as caught:
        configured.create("core/v1:ConfigMap", config_map(a="1"), preview=True)
    assert "data: Invalid value" in text(caught.value)


@pytest.mark.parametrize("code", [403, 409])
def test_preview_falls_back_where_a_refusal_says_nothing(configured: Plugin, api: FakeApiServer, code: int) -> None:
    api.refusal = (code, "No", "no")
    inputs = config_map(a="1")
    assert from_struct(configured.create("core/v1:ConfigMap", inputs, preview=True).properties) == inputs


def test_update_hands_created_fields_over_before_it_applies(configured: Plugin, api: FakeApiServer) -> None:
    state = from_struct(configured.create("core/v1:ConfigMap", config_map(a="1")).properties)
    manager = state["__fieldManager"]
    path = f"{CONFIG_MAPS}/x"
    owned = {"manager": manager, "operation": "Update", "fieldsV1": {"f:data": {"f:a": {}}}}
    other = {"manager": "kubectl", "operation": "Update", "fieldsV1": {"f:data": {"f:b": {}}}}
    api.objects[path]["metadata"]["managedFields"] = [owned, other]
    api.calls.clear()

    assert configured.update("core/v1:ConfigMap", state, config_map(a="2"))["data"] == {"a": "2"}

    hand_over, apply = api.writes()
    assert hand_over.body[0]["value"] == [other, owned | {"operation": "Apply"}]
    assert (apply.method, apply.query) == ("PATCH", {"fieldManager": manager, "force": "false"})


def test_a_refused_update_keeps_the_object_in_the_state(configured: Plugin, api: FakeApiServer) -> None:
    state = from_struct(configured.create("core/v1:ConfigMap", config_map(a="1")).properties)
    api.refusal = (422, "Invalid", "field is immutable")
    with pytest.raises(grpc.RpcError) as caught:
        configured.update("core/v1:ConfigMap", state, config_map(a="2"))
    failure = init_failure(caught.value)
    assert failure.id == "n/x"
    assert "field is immutable" in failure.reasons[0]
    assert from_struct(failure.properties)["data"] == {"a": "1"}


def test_read_of_a_missing_object_is_empty(configured: Plugin) -> None:
    assert configured.read("core/v1:ConfigMap", config_map(), config_map()).id == ""


def test_read_takes_drift_into_the_inputs(configured: Plugin, api: FakeApiServer) -> None:
    state = from_struct(configured.create("core/v1:ConfigMap", config_map(a="1")).properties)
    api.put(f"{CONFIG_MAPS}/x", config_map(a="drift", foreign="y"))
    assert from_struct(configured.read("core/v1:ConfigMap", state, config_map(a="1")).inputs) == config_map(a="drift")


def test_import_takes_all_but_what_the_server_sets(configured: Plugin, api: FakeApiServer) -> None:
    api.put(f"{CONFIG_MAPS}/x", config_map(a="1"))
    assert from_struct(configured.read("core/v1:ConfigMap", {}, {}).inputs) == config_map(a="1")


def test_the_process_says_what_it_is_and_ends_with_the_engine(api: FakeApiServer) -> None:
    engine = RecordingEngine()
    with engine.running() as address:
        command = [sys.executable, "-m", "sandbox.kubernetes_plugin", address]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        assert process.stdout is not None
        with process.stdout:
            client = Plugin(int(process.stdout.readline()))
        client.configure(api.url)
        client.channel.close()
        message = engine.messages.get(timeout=10)
    assert (message.severity, message.message) == (engine_pb2.INFO, GREETING)
    assert process.wait(timeout=30) == 0


def test_the_sdk_can_be_imported_after_the_protocol() -> None:
    script = (
        "import sandbox.kubernetes_plugin.protocol as p, sys\n"
        "assert 'pulumi' not in sys.modules\n"
        "import pulumi\n"
        "from pulumi.runtime.proto import provider_pb2\n"
        "assert provider_pb2 is p.provider_pb2\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True)
