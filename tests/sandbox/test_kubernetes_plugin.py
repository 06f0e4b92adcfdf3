"""The stand-in plugin over gRPC, as the engine drives it, against an API server double."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest

from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.protocol import engine_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from sandbox.kubernetes_plugin.provider import GREETING, KubernetesProvider
from sandbox.kubernetes_plugin.server import start
from sandbox.kubernetes_plugin.values import UNKNOWN, Secret, from_struct, to_struct
from tests.sandbox.kubernetes_plugin_double import FakeApiServer, Object, RecordingEngine

ROOT = Path(__file__).parents[2]
CONFIG_MAPS = "/api/v1/namespaces/n/configmaps"
JOBS = "/apis/batch/v1/namespaces/n/jobs"
DAEMON_SETS = "/apis/apps/v1/namespaces/n/daemonsets"


class Plugin:
    """A client of the plugin, with the resource types and names tests need."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self.channel)

    def configure(self, server: str, **arguments: str) -> None:
        kubeconfig = (
            f"current-context: test\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n"
            "contexts: [{name: test, context: {cluster: c, user: u, namespace: n}}]\n"
            "users: [{name: u, user: {token: t}}]\n"
        )
        variables = {f"kubernetes:config:{name}": value for name, value in arguments.items()}
        self.stub.Configure(
            provider_pb2.ConfigureRequest(variables={"kubernetes:config:kubeconfig": kubeconfig} | variables)
        )

    def check(self, kind: str, news: Object, olds: Object | None = None) -> provider_pb2.CheckResponse:
        return self.stub.Check(
            provider_pb2.CheckRequest(
                urn=urn(kind), news=to_struct(news), olds=to_struct(olds or {}), randomSeed=b"seed"
            )
        )

    def diff(self, old: Object, new: Object) -> provider_pb2.DiffResponse:
        return self.stub.Diff(
            provider_pb2.DiffRequest(
                id="n/x", urn=urn("core/v1:ConfigMap"), old_inputs=to_struct(old), news=to_struct(new)
            )
        )

    def create(
        self, kind: str, inputs: Object, *, preview: bool = False, timeout: float = 0
    ) -> provider_pb2.CreateResponse:
        request = provider_pb2.CreateRequest(
            urn=urn(kind), properties=to_struct(inputs), preview=preview, timeout=timeout
        )
        return self.stub.Create(request)

    def update(self, kind: str, state: Object, inputs: Object, *, preview: bool = False) -> Object:
        request = provider_pb2.UpdateRequest(
            id="n/x", urn=urn(kind), olds=to_struct(state), news=to_struct(inputs), preview=preview
        )
        return from_struct(self.stub.Update(request).properties)

    def read(self, kind: str, state: Object, inputs: Object) -> provider_pb2.ReadResponse:
        return self.stub.Read(
            provider_pb2.ReadRequest(id="n/x", urn=urn(kind), properties=to_struct(state), inputs=to_struct(inputs))
        )

    def delete(self, kind: str, state: Object, timeout: float = 0) -> None:
        self.stub.Delete(
            provider_pb2.DeleteRequest(id="n/x", urn=urn(kind), properties=to_struct(state), timeout=timeout)
        )


def urn(kind: str) -> str:
    return f"urn:pulumi:stack::project::my:Component$kubernetes:{kind}::res"


def config_map(**data: Any) -> Object:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": "n"}, "data": data}


def job(**annotations: str) -> Object:
    metadata = {"name": "x", "namespace": "n", "annotations": annotations}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": {"template": {}}}


def condition(kind: str, reason: str = "") -> Object:
    entry = {"type": kind, "status": "True", "reason": reason, "message": "m"}
    return {"startTime": "2026-01-01T00:00:00Z", "conditions": [entry]}


def init_failure(error: grpc.RpcError) -> provider_pb2.ErrorResourceInitFailed:
    """Return the detail by which the engine keeps an object that is not ready in its state."""
    metadata = {item.key: item.value for item in error.trailing_metadata()}  # type: ignore[attr-defined] # a Call
    (detail,) = status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details
    failure = provider_pb2.ErrorResourceInitFailed()
    assert detail.Unpack(failure)
    return failure


def text(error: grpc.RpcError) -> str:
    return str(error.details())  # type: ignore[attr-defined] # a Call


@pytest.fixture
def api() -> Iterator[FakeApiServer]:
    server = FakeApiServer()
    with server.running():
        yield server


@pytest.fixture
def plugin() -> Iterator[Plugin]:
    provider = KubernetesProvider(Engine(""))
    server, port = start(provider)
    client = Plugin(port)
    yield client
    client.channel.close()
    provider.close()
    server.stop(grace=None).wait()


@pytest.fixture
def configured(plugin: Plugin, api: FakeApiServer) -> Plugin:
    plugin.configure(api.url)
    api.calls.clear()
    return plugin


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


def test_a_job_is_waited_for(configured: Plugin, api: FakeApiServer) -> None:
    api.on_watch = lambda: api.change(f"{JOBS}/x", status=condition("Complete"))
    answer = configured.create("batch/v1:Job", job())
    assert from_struct(answer.properties)["status"] == condition("Complete")


def test_a_failed_job_fails_and_stays_in_the_state(configured: Plugin, api: FakeApiServer) -> None:
    api.on_watch = lambda: api.change(f"{JOBS}/x", status=condition("Failed", "BackoffLimitExceeded"))
    with pytest.raises(grpc.RpcError) as caught:
        configured.create("batch/v1:Job", job())
    failure = init_failure(caught.value)
    assert failure.reasons[0] == "Job n/x exists, but did not become ready: failed (BackoffLimitExceeded): m"
    assert from_struct(failure.properties)["status"] == condition("Failed", "BackoffLimitExceeded")


def test_an_object_that_takes_too_long_stays_in_the_state(configured: Plugin, api: FakeApiServer) -> None:
    api.on_watch = api.end_watches
    with pytest.raises(grpc.RpcError) as caught:
        configured.create("batch/v1:Job", job(), timeout=0.01)
    assert "timed out" in text(caught.value)
    assert init_failure(caught.value).id == "n/x"


def test_skip_await_does_not_wait(configured: Plugin, api: FakeApiServer) -> None:
    assert configured.create("batch/v1:Job", job(**{"pulumi.com/skipAwait": "true"})).id == "n/x"
    assert [call.method for call in api.calls] == ["POST"]


def test_a_daemon_set_is_waited_for(configured: Plugin, api: FakeApiServer) -> None:
    done = {"observedGeneration": 1, "desiredNumberScheduled": 0}
    api.on_watch = lambda: api.change(f"{DAEMON_SETS}/x", status=done)
    manifest = {"apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "x", "namespace": "n"}}
    assert from_struct(configured.create("apps/v1:DaemonSet", manifest).properties)["status"] == done


def test_an_unready_object_is_told_by_a_refresh(configured: Plugin, api: FakeApiServer) -> None:
    api.put(f"{JOBS}/x", job())
    with pytest.raises(grpc.RpcError) as caught:
        configured.read("batch/v1:Job", job(), job())
    assert from_struct(init_failure(caught.value).inputs) == job()


def test_cancel_ends_a_wait(configured: Plugin, api: FakeApiServer) -> None:
    api.on_watch = lambda: configured.stub.Cancel.future(_empty())
    with pytest.raises(grpc.RpcError) as caught:
        configured.create("batch/v1:Job", job())
    assert "cancelled" in text(caught.value)
    assert init_failure(caught.value).id == "n/x"


def test_delete_waits_until_the_object_is_gone(configured: Plugin, api: FakeApiServer) -> None:
    state = from_struct(configured.create("core/v1:ConfigMap", config_map(a="1")).properties)
    api.lingering = True
    api.on_watch = lambda: api.remove(f"{CONFIG_MAPS}/x")
    configured.delete("core/v1:ConfigMap", state)
    assert api.objects == {}
    assert api.writes()[-1].body["propagationPolicy"] == "Foreground"


def test_delete_honours_the_propagation_policy(configured: Plugin, api: FakeApiServer) -> None:
    manifest = job(**{"pulumi.com/deletionPropagationPolicy": "background", "pulumi.com/skipAwait": "true"})
    state = from_struct(configured.create("batch/v1:Job", manifest).properties)
    configured.delete("batch/v1:Job", state)
    assert api.writes()[-1].body["propagationPolicy"] == "Background"


def test_deleting_what_is_gone_succeeds(configured: Plugin, api: FakeApiServer) -> None:
    state = from_struct(configured.create("core/v1:ConfigMap", config_map()).properties)
    api.objects.clear()
    configured.delete("core/v1:ConfigMap", state)
    assert [call.method for call in api.writes()] == ["POST", "DELETE"]


def test_an_object_that_cannot_go_is_an_error(configured: Plugin, api: FakeApiServer) -> None:
    state = from_struct(configured.create("core/v1:ConfigMap", config_map()).properties)
    api.lingering = True
    api.on_watch = api.end_watches
    with pytest.raises(grpc.RpcError) as caught:
        configured.delete("core/v1:ConfigMap", state, timeout=0.01)
    assert "finalizers might be preventing deletion" in text(caught.value)


def test_an_unreachable_cluster_previews_inputs_and_fails_an_update(plugin: Plugin) -> None:
    plugin.configure("http://127.0.0.1:1")
    inputs = config_map(a="1")
    assert from_struct(plugin.create("core/v1:ConfigMap", inputs, preview=True).properties) == inputs
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create("core/v1:ConfigMap", inputs)
    assert text(caught.value).startswith("configured Kubernetes cluster is unreachable: no answer from the API server")


def test_an_unreachable_cluster_can_be_given_up(plugin: Plugin) -> None:
    plugin.configure("http://127.0.0.1:1", deleteUnreachable="true")
    plugin.delete("core/v1:ConfigMap", config_map())
    assert plugin.read("core/v1:ConfigMap", config_map(), config_map()).id == ""


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


def _empty() -> Any:
    return provider_pb2_grpc.google_dot_protobuf_dot_empty__pb2.Empty()
