"""The part of the Kubernetes API this project uses, as a protocol: the real client and test doubles implement it."""

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from kata_components.kubernetes.nodes import AnnotatedNode, Node
from kata_components.kubernetes.objects import (
    Job,
    JobEvent,
    JobList,
    Lease,
    ObjectMetadata,
    OwnedObject,
)
from kata_components.kubernetes.pods import Event, Pod

Manifest = Mapping[str, Any]
"""A Kubernetes object as it goes over the wire."""

CALLS_AT_ONCE: Final = 16
"""So many calls about nodes should be under way at most; others of the same connection then never
wait for them.

More make no rollout faster (the API server is as fast with 5 as with 100), and each TLS connection
holds 256 KB.
"""


class NodeApi(Protocol):
    """What may be asked about single nodes, and written on them."""

    async def get_node(self, name: str) -> Node:
        """Return one node."""

    async def annotate_node(
        self,
        name: str,
        uid: str,
        annotations: Mapping[str, str | None],
        labels: Mapping[str, str | None] | None = None,
    ) -> None:
        """Set (or with None remove) annotations and labels of the node with that UID.

        One of another UID is a 409.
        """


class KubeApi(NodeApi, Protocol):
    """Calls on one cluster.

    Reads retry inside. Writes are one attempt: the caller decides what an unknown outcome means.
    Raises `ApiError` for an answer that is an error, `UnreachableError` for none, `KubeconfigError`
    when credentials cannot be had and no call has succeeded yet; once one has, that is an outage as
    well. Namespaced calls name their namespace; lists are complete (paged inside) and consistent
    reads.
    """

    async def list_nodes(self, selector: str = "") -> list[Node]:
        """Return the nodes a label selector matches, all for the empty one."""

    async def list_node_metadata(self, selector: str = "") -> list[AnnotatedNode]:
        """Return the metadata alone of the nodes a label selector matches: a fraction of the bytes."""

    async def list_jobs(self, namespace: str, selector: str) -> JobList:
        """Return the Jobs a label selector matches, with the position to watch from."""

    def watch_jobs(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncGenerator[JobEvent, None]:
        """Yield changes from that position on, reconnecting as needed; `ExpiredError` means list again.

        Close it (`aclose`) when it is not read to its end.
        """

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        """Create a Job and return its metadata, without spec and status.

        409 when one of that name exists.
        """

    async def rehearse_job(self, namespace: str, manifest: Manifest) -> None:
        """Ask what creating a Job would be answered: admission and validation speak, nothing is written. A read."""

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Job with that UID and, in the background, its pods."""

    async def delete_jobs(self, namespace: str, selector: str, field_selector: str = "") -> None:
        """Delete all Jobs that label and field selector match, with one deletecollection."""

    async def list_pods(self, namespace: str, selector: str, field_selector: str = "") -> list[Pod]:
        """Return the pods that label and field selector match."""

    async def list_events(self, namespace: str, field_selector: str) -> list[Event]:
        """Return the events that a field selector matches; they are kept for an hour."""

    async def pod_log(self, namespace: str, pod: str, container: str, tail_lines: int) -> str:
        """Return the last lines a container wrote."""

    async def get_lease(self, namespace: str, name: str) -> Lease:
        """Return one Lease."""

    async def create_lease(self, namespace: str, manifest: Manifest) -> Lease:
        """Create a Lease; 409 when it exists."""

    async def replace_lease(self, namespace: str, name: str, manifest: Manifest) -> Lease:
        """Replace a Lease.

        With `metadata.resourceVersion` in the manifest, 409 when it changed since.
        """

    async def delete_lease(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Lease with that UID."""

    async def get_namespace(self, name: str) -> ObjectMetadata:
        """Return the metadata of a namespace."""

    async def list_metadata(
        self, api_version: str, plural: str, namespace: str
    ) -> list[ObjectMetadata]:
        """Return the metadata of all objects of a kind, none when the cluster does not know it."""

    async def get_object(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """Return any object as it came, None when there is none.

        An empty namespace means cluster-scoped.
        """

    async def get_metadata(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> OwnedObject | None:
        """Return the metadata of any object, None when there is none.

        An empty namespace means cluster-scoped.
        """

    async def patch_metadata(
        self, api_version: str, plural: str, namespace: str, name: str, metadata: Mapping[str, Any]
    ) -> None:
        """Merge into the metadata of any object, None removes.

        With `resourceVersion`, 409 when it changed since.
        """

    async def allowed(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        """Return whether this identity may do that (SelfSubjectAccessReview); `resource` may be `pods/log`.

        Without a name: on all objects of the resource.
        """

    def writing_while(self, allowed: Callable[[], bool]) -> AbstractContextManager[None]:
        """Hold back, inside, writes that are not `allowed` when their bytes could go out: they get no answer.

        Writes of Leases are not held back, nor are those outside.
        """

    async def aclose(self) -> None:
        """Close all connections."""
