"""The stand-in plugin over gRPC: waiting for objects, deleting them, cancelling, and a cluster that is not there."""

import grpc
import pytest
from google.protobuf.empty_pb2 import Empty

from sandbox.kubernetes_plugin.values import from_struct
from tests.sandbox.kubernetes_plugin_client import (
    CONFIG_MAPS,
    DAEMON_SETS,
    JOBS,
    Plugin,
    condition,
    config_map,
    init_failure,
    job,
    text,
)
from tests.sandbox.kubernetes_plugin_double import FakeApiServer


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
    api.on_watch = lambda: configured.stub.Cancel(Empty())
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
