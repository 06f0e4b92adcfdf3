"""A client of the stand-in plugin that speaks as the engine does, with objects and errors for tests."""

from typing import Any

import grpc

from sandbox.kubernetes_plugin.protocol import provider_pb2, provider_pb2_grpc, status_pb2
from sandbox.kubernetes_plugin.values import from_struct, to_struct

Object = dict[str, Any]

CONFIG_MAPS = "/api/v1/namespaces/n/configmaps"
JOBS = "/apis/batch/v1/namespaces/n/jobs"
DAEMON_SETS = "/apis/apps/v1/namespaces/n/daemonsets"


class Plugin:
    """A client of the plugin, with the resource types and names tests need."""

    def __init__(self, port: int) -> None:
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        # Untyped, as grpc itself: its stubs are a package of their own.
        self.stub: Any = provider_pb2_grpc.ResourceProviderStub(self.channel)

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

    def check(self, kind: str, news: Object) -> provider_pb2.CheckResponse:
        request = provider_pb2.CheckRequest(urn=urn(kind), news=to_struct(news), randomSeed=b"seed")
        answer: provider_pb2.CheckResponse = self.stub.Check(request)
        return answer

    def diff(self, old: Object, new: Object) -> provider_pb2.DiffResponse:
        request = provider_pb2.DiffRequest(urn=urn("core/v1:ConfigMap"), old_inputs=to_struct(old), news=to_struct(new))
        answer: provider_pb2.DiffResponse = self.stub.Diff(request)
        return answer

    def create(
        self, kind: str, inputs: Object, *, preview: bool = False, timeout: float = 0
    ) -> provider_pb2.CreateResponse:
        request = provider_pb2.CreateRequest(
            urn=urn(kind), properties=to_struct(inputs), preview=preview, timeout=timeout
        )
        answer: provider_pb2.CreateResponse = self.stub.Create(request)
        return answer

    def update(self, kind: str, state: Object, inputs: Object) -> Object:
        request = provider_pb2.UpdateRequest(id="n/x", urn=urn(kind), olds=to_struct(state), news=to_struct(inputs))
        return from_struct(self.stub.Update(request).properties)

    def read(self, kind: str, state: Object, inputs: Object) -> provider_pb2.ReadResponse:
        request = provider_pb2.ReadRequest(
            id="n/x", urn=urn(kind), properties=to_struct(state), inputs=to_struct(inputs)
        )
        answer: provider_pb2.ReadResponse = self.stub.Read(request)
        return answer

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
    metadata = {item.key: item.value for item in error.trailing_metadata()}
    (detail,) = status_pb2.Status.FromString(metadata["grpc-status-details-bin"]).details
    failure = provider_pb2.ErrorResourceInitFailed()
    assert detail.Unpack(failure)
    return failure


def text(error: grpc.RpcError) -> str:
    return str(error.details())
