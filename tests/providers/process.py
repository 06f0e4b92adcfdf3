"""A dynamic provider as the engine runs it, a process driven over gRPC; and its engine."""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import grpc
from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.dynamic import ResourceProvider
from pulumi.dynamic.dynamic import serialize_provider
from pulumi.runtime.proto import engine_pb2, engine_pb2_grpc, provider_pb2, provider_pb2_grpc

from tests.kubernetes.support import CONTEXT

ROOT = Path(__file__).parents[2]
_TIMEOUT = 20.0


@dataclass(frozen=True)
class Message:
    """What a provider told the engine."""

    text: str
    urn: str
    severity: int
    status: bool
    """Whether the next message replaces it."""


class Engine(engine_pb2_grpc.EngineServicer):
    """Records the messages of providers."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self._told = threading.Condition()
        self._server = grpc.server(ThreadPoolExecutor(max_workers=4))
        engine_pb2_grpc.add_EngineServicer_to_server(self, self._server)
        self.address = f"127.0.0.1:{self._server.add_insecure_port('127.0.0.1:0')}"

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        """Stop as if killed."""
        self._server.stop(None).wait()

    def until(self, said: Callable[[Message], bool]) -> None:
        """Wait for a message: a provider sends its status without waiting for an answer."""
        with self._told:
            assert self._told.wait_for(lambda: any(map(said, self.messages)), _TIMEOUT), (
                self.messages
            )

    def lines(self, urn: str) -> list[str]:
        """Return the lines that stay on a resource."""
        kept = [
            message.text for message in self.messages if message.urn == urn and not message.status
        ]
        return [line for text in kept for line in text.splitlines()]

    def Log(self, request: engine_pb2.LogRequest, context: grpc.ServicerContext) -> empty_pb2.Empty:  # noqa: ARG002, N802 # the protocol's
        with self._told:
            self.messages.append(
                Message(request.message, request.urn, request.severity, request.ephemeral)
            )
            self._told.notify_all()
        return empty_pb2.Empty()

    def GetRootResource(  # noqa: N802 # the protocol's
        self,
        request: engine_pb2.GetRootResourceRequest,  # noqa: ARG002 # the protocol's
        context: grpc.ServicerContext,  # noqa: ARG002 # the protocol's
    ) -> engine_pb2.GetRootResourceResponse:
        return engine_pb2.GetRootResourceResponse(urn="")


@dataclass(frozen=True)
class Checked:
    """The answer of a check: the inputs to continue with, and the refusals."""

    inputs: dict[str, Any]
    failures: list[str]


class Provider:
    """A provider process for a stack whose cluster is that of a kubeconfig.

    Without a context, the configuration of the stack names no cluster. Its methods raise
    `grpc.RpcError`.
    """

    def __init__(
        self, engine: Engine, kubeconfig: Path, errors: Path, context: str | None = CONTEXT
    ) -> None:
        self.errors = errors
        with errors.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, "-u", "-m", "pulumi.dynamic", engine.address],
                cwd=ROOT,
                env=os.environ | {"PULUMI_PROJECT": "kata-deploy"},
                stdout=subprocess.PIPE,
                stderr=stderr,
            )
        assert self._process.stdout is not None
        self._stdout = self._process.stdout
        self._channel = grpc.insecure_channel(f"127.0.0.1:{int(self._stdout.readline())}")
        self._stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        values = {"kata-deploy:deploymentMode": "job"}
        if context:
            cluster = {"context": context, "kubeconfig": str(kubeconfig)}
            values["kata-deploy:cluster"] = json.dumps(cluster)
        config = _struct(values)
        self._stub.Configure(provider_pb2.ConfigureRequest(args=config), timeout=_TIMEOUT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._channel.close()
        self._process.kill()
        self._process.wait()
        self._stdout.close()

    def resource(self, provider: ResourceProvider) -> "Dynamic":
        return Dynamic(self._stub, serialize_provider(provider))

    def ended(self) -> int:
        """Wait until the process ends on its own; return its exit code."""
        return self._process.wait(_TIMEOUT)

    def cancel(self) -> None:
        self._stub.Cancel(empty_pb2.Empty(), timeout=_TIMEOUT)


@dataclass(frozen=True)
class Dynamic:
    """One dynamic resource of a provider process."""

    stub: Any
    serialized: str

    def check(self, news: dict[str, Any], olds: dict[str, Any] | None = None) -> Checked:
        request = provider_pb2.CheckRequest(olds=self._props(olds or {}), news=self._props(news))
        answer = self.stub.Check(request, timeout=_TIMEOUT)
        return Checked(_dict(answer.inputs), [failure.reason for failure in answer.failures])

    def differs(self, news: dict[str, Any], olds: dict[str, Any]) -> bool:
        """Whether the inputs differ from those outputs, which have the id of an installation."""
        id_ = olds.get("installationId", "id")
        request = provider_pb2.DiffRequest(id=id_, olds=self._props(olds), news=self._props(news))
        answer = self.stub.Diff(request, timeout=_TIMEOUT)
        assert not answer.replaces
        return bool(answer.changes == provider_pb2.DiffResponse.DIFF_SOME)

    def create(self, props: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        answer = self.start_create(props).result()
        return answer.id, _dict(answer.properties)

    def start_create(self, props: dict[str, Any], seconds: float = _TIMEOUT) -> Any:
        return self.stub.Create.future(
            provider_pb2.CreateRequest(properties=self._props(props)), timeout=seconds
        )

    def update(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> dict[str, Any]:
        request = provider_pb2.UpdateRequest(id=id_, olds=self._props(olds), news=self._props(news))
        return _dict(self.stub.Update(request, timeout=_TIMEOUT).properties)

    def delete(self, id_: str, props: dict[str, Any]) -> None:
        self.start_delete(id_, props).result()

    def start_delete(self, id_: str, props: dict[str, Any], seconds: float = _TIMEOUT) -> Any:
        request = provider_pb2.DeleteRequest(id=id_, properties=self._props(props))
        return self.stub.Delete.future(request, timeout=seconds)

    def read(self, id_: str, props: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        answer = self.stub.Read(
            provider_pb2.ReadRequest(id=id_, properties=self._props(props)), timeout=_TIMEOUT
        )
        return _dict(answer.properties), _dict(answer.inputs)

    def _props(self, props: dict[str, Any]) -> struct_pb2.Struct:
        return _struct({**props, "__provider": self.serialized})


def _struct(values: dict[str, Any]) -> struct_pb2.Struct:
    return json_format.ParseDict(values, struct_pb2.Struct())


def _dict(struct: struct_pb2.Struct) -> dict[str, Any]:
    values: dict[str, Any] = json_format.MessageToDict(struct)
    values.pop("__provider", None)
    return values
