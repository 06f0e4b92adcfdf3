# ruff: noqa: N802, ARG002 - the protocol gives the names of methods and their arguments
"""The `ResourceProvider` service: Pulumi's gRPC calls, translated to `Resources` and back.

Owns: configuring, the conversion of requests and answers, and how errors are told. Calls arrive in many threads at
once; after `Configure` nothing here changes.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.empty_pb2 import Empty

from kata_components.errors import ClusterError, KataDeployError
from sandbox.kubernetes_plugin import access, objects, settings
from sandbox.kubernetes_plugin.cluster import Cluster, NoSuchKindError, NotDeletedError
from sandbox.kubernetes_plugin.diffing import path_text
from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.protocol import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2
from sandbox.kubernetes_plugin.resources import Diff, PartialFailureError, Resource, Resources
from sandbox.kubernetes_plugin.rest import Rest
from sandbox.kubernetes_plugin.values import from_struct, plain, to_struct

VERSION: Final = "4.32.0"
"""The version of the official plugin this one stands in for."""

GREETING: Final = "stand-in for the official Kubernetes plugin (sandbox)"

_DETAILS: Final = "grpc-status-details-bin"
_UNKNOWN: Final = grpc.StatusCode.UNKNOWN


class KubernetesProvider(provider_pb2_grpc.ResourceProviderServicer):
    """One plugin process. `engine` gets messages until the engine itself says where it is."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._rest: Rest | None = None
        self._resources: Resources | None = None

    def close(self) -> None:
        """End what is under way and close the connections."""
        if self._rest:
            self._rest.cancel()
            self._rest.close()

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Say what the plugin can do."""
        return provider_pb2.ProviderHandshakeResponse(accept_secrets=True, supports_autonaming_configuration=True)

    def GetPluginInfo(self, request: Empty, context: grpc.ServicerContext) -> plugin_pb2.PluginInfo:
        """Say which version of the official plugin this one behaves like."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def Attach(self, request: plugin_pb2.PluginAttach, context: grpc.ServicerContext) -> Empty:
        """Take the address of an engine that did not start this process."""
        self._engine = Engine(request.address)
        return Empty()

    def Cancel(self, request: Empty, context: grpc.ServicerContext) -> Empty:
        """End all waiting; calls under way then fail with what they know."""
        if self._rest:
            self._rest.cancel()
        return Empty()

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Refuse arguments of the provider that do not exist or cannot be honoured."""
        failures = [
            provider_pb2.CheckFailure(property=name, reason=reason)
            for name, reason in settings.problems(from_struct(request.news))
        ]
        return provider_pb2.CheckResponse(inputs=request.news, failures=failures)

    def DiffConfig(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say whether the provider's arguments now mean another cluster."""
        olds, news = plain(from_struct(request.olds)), plain(from_struct(request.news))
        changed = settings.changed(olds, news)
        if not changed:
            return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_NONE)
        return provider_pb2.DiffResponse(
            changes=provider_pb2.DiffResponse.DIFF_SOME,
            diffs=changed,
            replaces=settings.replacing(olds, news, other_cluster=access.different_clusters(olds, news)),
        )

    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """Find the cluster. One that cannot be reached is no error here: a preview can do without."""
        self._engine.info_once(GREETING)
        chosen = settings.from_variables(request.variables)
        cluster: Cluster | ClusterError
        namespace = chosen.namespace or "default"
        try:
            place = access.place(chosen.kubeconfig, chosen.context, chosen.namespace)
            namespace = place.namespace
            self._rest = Rest(place.target.cluster.server, access.Login(place.target))
            self._rest.request("GET", "/version")
            cluster = Cluster(self._rest, upsert=chosen.upsert, force=chosen.force)
        except ClusterError as error:
            cluster = error
        self._resources = Resources(chosen, namespace, cluster, self._engine)
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    def Check(self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext) -> provider_pb2.CheckResponse:
        """Complete and tidy the inputs of a resource."""
        with _told(context):
            try:
                inputs = self._configured.check(
                    _resource(request), from_struct(request.olds), from_struct(request.news), _proposed_name(request)
                )
            except ValueError as error:
                failure = provider_pb2.CheckFailure(reason=str(error))
                return provider_pb2.CheckResponse(inputs=request.news, failures=[failure])
            return provider_pb2.CheckResponse(inputs=to_struct(inputs))

    def Diff(self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext) -> provider_pb2.DiffResponse:
        """Say what new inputs change."""
        with _told(context):
            return _answer(
                self._configured.diff(
                    from_struct(request.old_inputs),
                    from_struct(request.olds),
                    from_struct(request.news),
                    request.ignoreChanges,
                )
            )

    def Create(self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext) -> provider_pb2.CreateResponse:
        """Make an object; in a preview, let the server say what would come of it."""
        with _told(context):
            identifier, state = self._configured.create(
                _resource(request), from_struct(request.properties), request.timeout, preview=request.preview
            )
            return provider_pb2.CreateResponse(id=identifier, properties=to_struct(state))

    def Read(self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext) -> provider_pb2.ReadResponse:
        """Return an object as it is, an empty answer when it is gone."""
        with _told(context):
            live = self._configured.read(
                _resource(request), request.id, from_struct(request.properties), from_struct(request.inputs)
            )
            if live is None:
                return provider_pb2.ReadResponse()
            return provider_pb2.ReadResponse(
                id=live.identifier, properties=to_struct(live.state), inputs=to_struct(live.inputs)
            )

    def Update(self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext) -> provider_pb2.UpdateResponse:
        """Change an object; in a preview, let the server say what would come of it."""
        with _told(context):
            state = self._configured.update(
                _resource(request),
                from_struct(request.olds),
                from_struct(request.news),
                request.timeout,
                preview=request.preview,
            )
            return provider_pb2.UpdateResponse(properties=to_struct(state))

    def Delete(self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext) -> Empty:
        """Delete an object and wait until it is gone."""
        with _told(context):
            self._configured.delete(_resource(request), from_struct(request.properties), request.timeout)
            return Empty()

    @property
    def _configured(self) -> Resources:
        if self._resources is None:
            raise KataDeployError("the plugin was asked about a resource before it was configured")
        return self._resources


@contextmanager
def _told(context: grpc.ServicerContext) -> Iterator[None]:
    """End the call with a clear error where something foreseeable goes wrong."""
    try:
        yield
    except PartialFailureError as error:
        detail = AnyMessage()
        detail.Pack(
            provider_pb2.ErrorResourceInitFailed(
                id=error.identifier,
                properties=to_struct(error.state),
                reasons=[str(error)],
                inputs=None if error.inputs is None else to_struct(error.inputs),
            )
        )
        status = status_pb2.Status(code=_UNKNOWN.value[0], message=str(error), details=[detail])
        context.set_trailing_metadata(((_DETAILS, status.SerializeToString()),))
        context.abort(_UNKNOWN, str(error))
    except (KataDeployError, NotDeletedError, NoSuchKindError, ValueError) as error:
        context.abort(_UNKNOWN, str(error))


def _resource(
    request: provider_pb2.CheckRequest
    | provider_pb2.CreateRequest
    | provider_pb2.ReadRequest
    | provider_pb2.UpdateRequest
    | provider_pb2.DeleteRequest,
) -> Resource:
    """Return which resource a request is about; the type is in the URN too, where a parent's type stands before it."""
    return Resource(request.urn, request.type or request.urn.split("::")[2].rpartition("$")[2])


def _proposed_name(request: provider_pb2.CheckRequest) -> str:
    """Return the name for an object without one.

    Raises:
        ValueError: the stack's configuration forbids made-up names.
    """
    name = request.name or request.urn.rpartition("::")[2]
    if not request.HasField("autonaming"):
        return f"{name}-{objects.suffix(request.randomSeed)}"
    if request.autonaming.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE:
        return ""
    return request.autonaming.proposed_name


def _answer(diff: Diff) -> provider_pb2.DiffResponse:
    """Return a diff as Pulumi shows it: every property with what happens to it."""
    detailed = {
        path_text(difference.path): provider_pb2.PropertyDiff(
            kind=provider_pb2.PropertyDiff.Kind.Value(
                difference.change.value + ("_REPLACE" if difference.replaces else "")
            ),
            inputDiff=True,
        )
        for difference in diff.differences
    }
    return provider_pb2.DiffResponse(
        changes=provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE,
        diffs=sorted({str(difference.path[0]) for difference in diff.differences}),
        replaces=[path_text(difference.path) for difference in diff.differences if difference.replaces],
        deleteBeforeReplace=diff.delete_before_replace,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )
