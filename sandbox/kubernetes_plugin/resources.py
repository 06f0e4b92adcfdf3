"""Pulumi's operations on one resource, in terms of its inputs and state.

Owns: what a check, diff, create, read, update and delete of a Kubernetes object mean, where a preview asks the server
and where it falls back to the inputs, and which failures leave an object that has to be kept in the state. Knows
nothing of gRPC.
"""

from collections.abc import Collection
from typing import Any, Final, NamedTuple

from kata_components.errors import ApiError, ClusterError, KataDeployError
from sandbox.kubernetes_plugin import kinds, objects
from sandbox.kubernetes_plugin.cluster import Cluster, NoSuchKindError, NotReadyError
from sandbox.kubernetes_plugin.diffing import Change, Difference, deletes_before_replace, differences
from sandbox.kubernetes_plugin.engine import Engine
from sandbox.kubernetes_plugin.readiness import verdict
from sandbox.kubernetes_plugin.settings import ProviderSettings
from sandbox.kubernetes_plugin.values import Properties, Unknown, contains, plain

_FORBIDDEN: Final = 403
_CONFLICT: Final = 409
_REPLACE_UNREADY_PATH: Final = ("metadata", "annotations", objects.REPLACE_UNREADY)


class PartialFailureError(Exception):
    """Raised when an object exists but the operation did not succeed: it belongs into the state all the same."""

    def __init__(self, reason: str, identifier: str, state: Properties, inputs: Properties | None = None) -> None:
        super().__init__(reason)
        self.identifier = identifier
        self.state = state
        self.inputs = inputs


class Resource(NamedTuple):
    """Which resource a call is about: `type` is Pulumi's type token."""

    urn: str
    type: str


class Diff(NamedTuple):
    """What would change, and whether the old object has to go before the new one comes."""

    differences: list[Difference]
    delete_before_replace: bool


class Live(NamedTuple):
    """A resource as it is: its id, what to keep of it, and the inputs that would make it."""

    identifier: str
    state: Properties
    inputs: Properties


class Resources:
    """The resources of one configured provider.

    Args:
        settings: the provider's arguments.
        namespace: that of objects which name none.
        cluster: the cluster, or why it cannot be reached.
        engine: gets warnings and progress.
    """

    def __init__(
        self, settings: ProviderSettings, namespace: str, cluster: Cluster | ClusterError, engine: Engine
    ) -> None:
        self._settings = settings
        self._namespace = namespace
        self._reached = cluster
        self._engine = engine

    def check(self, resource: Resource, olds: Properties, news: Properties, proposal: str) -> Properties:
        """Return the inputs to keep. Raises `ValueError` when the type is none of a Kubernetes object."""
        if self._unreachable and self._settings.skip_update_unreachable and olds:
            return olds
        api_version, kind = kinds.type_of(resource.type)
        inputs = objects.named(objects.checked(api_version, kind, news), olds, proposal)
        return objects.placed(inputs, self._namespace) if self._is_namespaced(api_version, kind) else inputs

    def diff(self, old_inputs: Properties, state: Properties, news: Properties, ignored: Collection[str]) -> Diff:
        """Return what the new inputs would change."""
        former, new = objects.parse_state(state), plain(news)
        old = plain(old_inputs) or former.inputs
        immutable = kinds.immutable_paths(
            new,
            config_maps_mutable=self._settings.config_maps_mutable,
            secrets_mutable=self._settings.secrets_mutable,
        )
        found = differences(old, new, immutable, ignored)
        if objects.annotation(new, objects.REPLACE_UNREADY) == "true" and self._is_unready(former.live):
            found.append(Difference(_REPLACE_UNREADY_PATH, Change.UPDATE, replaces=True))
        replaced = any(difference.replaces for difference in found)
        return Diff(found, replaced and deletes_before_replace(old, new))

    def create(
        self, resource: Resource, inputs: Properties, timeout: float, *, preview: bool
    ) -> tuple[str, Properties]:
        """Return id and state of the object made from `inputs`; in a preview the id is empty.

        Raises:
            KataDeployError: nothing was made, or nobody knows.
            PartialFailureError: the object exists, but is not ready.
        """
        if preview and not self._can_dry_run(inputs):
            return "", inputs
        cluster, manifest = self._cluster(), plain(inputs)
        manager = objects.field_manager(manifest)
        try:
            live = cluster.create(manifest, manager, dry_run=preview)
        except (ApiError, NoSuchKindError) as error:
            if preview and isinstance(error, ApiError) and _says_nothing_in_preview(error):
                return "", inputs
            raise _not_created(manifest, error) from error
        if preview:
            return "", objects.state_of(objects.without_status(live), inputs, manager)
        return objects.resource_id(live), self._ready(resource, live, inputs, manager, timeout)

    def update(
        self, resource: Resource, state: Properties, inputs: Properties, timeout: float, *, preview: bool
    ) -> Properties:
        """Return the state of the object after `inputs` were applied; errors as in `create`."""
        if preview and not self._can_dry_run(inputs):
            return inputs
        cluster, manifest = self._cluster(), plain(inputs)
        former = objects.parse_state(state)
        manager = objects.field_manager(manifest, former.field_manager)
        try:
            live = cluster.update(manifest, manager, dry_run=preview)
        except (ApiError, NoSuchKindError) as error:
            if preview and isinstance(error, ApiError) and error.status == _FORBIDDEN:
                return inputs
            raise self._not_updated(former.live, inputs, manager, error) from error
        return (
            objects.state_of(live, inputs, manager)
            if preview
            else self._ready(resource, live, inputs, manager, timeout)
        )

    def read(self, resource: Resource, identifier: str, state: Properties, inputs: Properties) -> Live | None:
        """Return the resource as it is now, None when it is gone. Without `inputs` it is an import.

        Raises:
            KataDeployError: the cluster did not answer.
            PartialFailureError: the object exists, but is not ready.
        """
        if self._is_given_up():
            return None
        if self._unreachable and self._settings.skip_update_unreachable:
            return Live(identifier, state, inputs)
        api_version, kind = kinds.type_of(resource.type)
        namespace, name = objects.split_id(identifier)
        live = self._cluster().read(api_version, kind, namespace, name)
        if live is None:
            return None
        manager = objects.field_manager(live, objects.parse_state(state).field_manager)
        if not inputs:
            imported = objects.checked(api_version, kind, objects.imported_inputs(live))
            return Live(identifier, objects.state_of(live, imported, manager), imported)
        refreshed = objects.refreshed_inputs(live, inputs)
        new_state = objects.state_of(live, refreshed, manager)
        now = verdict(live)
        if not now.ready and objects.annotation(plain(inputs), objects.SKIP_AWAIT) != "true":
            raise PartialFailureError(f"{kind} {identifier} is not ready: {now.text}", identifier, new_state, refreshed)
        return Live(identifier, new_state, refreshed)

    def delete(self, resource: Resource, state: Properties, timeout: float) -> None:
        """Delete the object, and wait until it is gone.

        Raises:
            KataDeployError: the cluster did not answer, or refused.
            NotDeletedError: it is still there.
        """
        if not self._is_given_up():
            with self._engine.progress(resource.urn) as report:
                self._cluster().delete(objects.parse_state(state).live, timeout, report)

    @property
    def _unreachable(self) -> bool:
        return isinstance(self._reached, ClusterError)

    def _cluster(self) -> Cluster:
        if isinstance(self._reached, ClusterError):
            raise KataDeployError(
                f"configured Kubernetes cluster is unreachable: {self._reached}\n"
                "If the cluster was deleted, PULUMI_K8S_DELETE_UNREACHABLE=true removes its objects from the state."
            ) from self._reached
        return self._reached

    def _is_given_up(self) -> bool:
        """Return whether objects count as gone because their cluster is."""
        return self._unreachable and self._settings.delete_unreachable

    def _can_dry_run(self, inputs: Properties) -> bool:
        """Return whether the server can say what would come of `inputs`; warn when it cannot be asked."""
        if isinstance(self._reached, ClusterError):
            self._engine.warning_once(
                f"configured Kubernetes cluster is unreachable, so this preview is incomplete: {self._reached}"
            )
            return False
        if contains(inputs, Unknown):
            return False
        return self._reached.kinds.find(inputs["apiVersion"], inputs["kind"]) is not None

    def _is_namespaced(self, api_version: str, kind: str) -> bool:
        """Return whether objects of a kind are in a namespace; what cannot be known is taken to be."""
        if not isinstance(self._reached, Cluster):
            return kinds.is_namespaced(api_version, kind)
        known = self._reached.kinds.find(api_version, kind)
        return known is None or known.namespaced

    def _is_unready(self, live: dict[str, Any]) -> bool:
        if not isinstance(self._reached, Cluster) or live.get("kind") != "Job":
            return False
        metadata = live["metadata"]
        job = self._reached.read(live["apiVersion"], live["kind"], metadata["namespace"], metadata["name"])
        return job is not None and not verdict(job).ready

    def _ready(
        self, resource: Resource, live: dict[str, Any], inputs: Properties, manager: str, timeout: float
    ) -> Properties:
        """Return the state of a live object once it is ready."""
        try:
            with self._engine.progress(resource.urn) as report:
                live = self._cluster().wait_until_ready(live, timeout, report)
        except NotReadyError as error:
            identifier = objects.resource_id(error.live)
            reason = f"{error.live['kind']} {identifier} exists, but did not become ready: {error}"
            raise PartialFailureError(reason, identifier, objects.state_of(error.live, inputs, manager)) from error
        return objects.state_of(live, inputs, manager)

    def _not_updated(
        self, live: dict[str, Any], inputs: Properties, manager: str, error: ApiError | NoSuchKindError
    ) -> Exception:
        """Return the error of a refused update: as the official plugin, it keeps the new inputs with the old object."""
        metadata = live["metadata"]
        namespace, name = metadata.get("namespace", "default"), metadata["name"]
        identifier = objects.resource_id(live)
        reason = f"update of {live['kind']} {identifier} failed: {error}{_advice(error)}"
        now = self._cluster().read(live["apiVersion"], live["kind"], namespace, name)
        if now is None:
            return KataDeployError(f"{reason}\nIt is gone from the cluster: run pulumi refresh to make it anew.")
        return PartialFailureError(reason, identifier, objects.state_of(now, inputs, manager))


def _says_nothing_in_preview(error: ApiError) -> bool:
    """Return whether an error of a dry run may not occur in the update: what is in the way may be gone by then."""
    return error.status in {_FORBIDDEN, _CONFLICT, kinds.HTTP_NOT_FOUND}


def _not_created(manifest: dict[str, Any], error: ApiError | NoSuchKindError) -> KataDeployError:
    what = f"{manifest['kind']} {objects.resource_id(manifest)}"
    return KataDeployError(f"{what} was not successfully created by the Kubernetes API server: {error}{_advice(error)}")


def _advice(error: ApiError | NoSuchKindError) -> str:
    """Return what to do about a conflict, as a line of its own."""
    if not isinstance(error, ApiError) or error.status != _CONFLICT:
        return ""
    if error.reason == "AlreadyExists":
        return (
            "\nIf the resource was renamed in the program, give it an alias; to manage an existing object, "
            "import it, or set upsertExistingObjects on the provider."
        )
    return (
        f"\nAnother manager set these fields; to take them over, set the annotation {objects.PATCH_FORCE} to true, "
        "or enablePatchForce on the provider."
    )
