"""The part of the Kubernetes API that this project uses, as protocols for client and doubles."""

from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol

from kata_components.kubernetes.nodes import AnnotatedNode, Node, Taint
from kata_components.kubernetes.objects import (
    Job,
    JobEvent,
    JobList,
    Lease,
    MetadataEvent,
    ObjectMetadata,
    OwnedObject,
)
from kata_components.kubernetes.pods import Event, Pod

Manifest = Mapping[str, Any]
"""A Kubernetes object as it goes over the wire."""

CALLS_AT_ONCE: Final = 16
"""How many calls about nodes may be in flight at most, so that other calls never wait for them.

More would not speed up a rollout (the API server is as fast with 5 as with 100), and each TLS
connection takes 256 KB.
"""


class NodeApi(Protocol):
    """Calls on single nodes."""

    async def get_node(self, name: str) -> Node:
        """Return one node."""

    async def patch_node(
        self,
        name: str,
        uid: str,
        *,
        annotations: Mapping[str, str | None] | None = None,
        labels: Mapping[str, str | None] | None = None,
        taints: Sequence[Taint] | None = None,
        resource_version: str = "",
    ) -> Node:
        """Set annotations and labels of the node with that UID, and return it; None removes one.

        `taints` replaces all its taints. 409 when the node of that name has another UID, or when
        its version is not the one given.

        Raises:
            ValueError: there are taints but no version, so those set meanwhile would be lost.
        """


class KubeApi(NodeApi, Protocol):
    """Calls on one cluster.

    Reads are repeated inside; lists are consistent and complete (paged inside). A write is one
    attempt: the caller decides what an unknown outcome means.

    Every call raises `ApiError` when the answer is an error, `UnreachableError` when there is none,
    and `KubeconfigError` when there are no credentials and no call has succeeded yet (after that it
    is an outage: `UnreachableError`).
    """

    async def list_nodes(self, selector: str = "") -> list[Node]:
        """Return the nodes that a label selector matches, all for an empty one."""

    async def list_node_metadata(self, selector: str = "") -> list[AnnotatedNode]:
        """Return names and annotations of matching nodes, for a fraction of the bytes."""

    def watch_node_metadata(
        self, resource_version: str = ""
    ) -> AsyncGenerator[MetadataEvent, None]:
        """Yield the metadata of nodes that change after a version, reconnecting as needed.

        Without a version, an ADDED event of each node comes first. These may come more than once,
        and the deletion of a node may be missed when they do. `ExpiredError`: start again without a
        version. Close it (`aclose`) when it is not read to its end.
        """

    async def list_jobs(self, namespace: str, selector: str) -> JobList:
        """Return the Jobs that a label selector matches, and the position to watch from."""

    def watch_jobs(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncGenerator[JobEvent, None]:
        """Yield changes from a position on, reconnecting as needed; `ExpiredError`: list again.

        Close it (`aclose`) when it is not read to its end.
        """

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        """Create a Job and return its metadata, without spec and status.

        409 when a Job of that name exists.
        """

    async def dry_run_job(self, namespace: str, manifest: Manifest) -> None:
        """Have the API server admit and validate a Job without creating it: in effect a read."""

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Job with that UID and, in the background, its pods."""

    async def delete_jobs(self, namespace: str, selector: str, field_selector: str = "") -> None:
        """Delete all Jobs that both selectors match, with one deletecollection.

        Raises:
            ValueError: the label selector is empty.
        """

    async def suspend_cron_job(self, namespace: str, name: str, *, suspended: bool) -> None:
        """Have a CronJob start no Jobs, or start them again."""

    async def list_pods(self, namespace: str, selector: str, field_selector: str = "") -> list[Pod]:
        """Return the pods that both selectors match."""

    async def list_events(self, namespace: str, field_selector: str) -> list[Event]:
        """Return the events that a field selector matches; the server keeps them for an hour."""

    async def create_event(self, namespace: str, manifest: Manifest) -> None:
        """Create an event, under a name that the server makes from its `generateName`."""

    async def pod_log(self, namespace: str, pod: str, container: str, tail_lines: int) -> str:
        """Return the last lines that a container wrote, at most 64 KiB."""

    async def get_lease(self, namespace: str, name: str) -> Lease:
        """Return one Lease."""

    async def create_lease(self, namespace: str, manifest: Manifest) -> Lease:
        """Create a Lease; 409 when it exists."""

    async def replace_lease(self, namespace: str, name: str, manifest: Manifest) -> Lease:
        """Replace a Lease; 409 when the manifest has a `resourceVersion` that is outdated."""

    async def delete_lease(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Lease with that UID."""

    async def get_namespace(self, name: str) -> ObjectMetadata:
        """Return the metadata of a namespace."""

    async def list_metadata(
        self, api_version: str, plural: str, namespace: str
    ) -> list[ObjectMetadata]:
        """Return the metadata of all objects of a kind, none when the cluster lacks the kind."""

    async def get_object(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """Return any object undecoded, None when the object or its kind does not exist.

        An empty namespace stands for cluster-scoped objects.
        """

    async def get_metadata(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> OwnedObject | None:
        """Return the metadata of any object, with the same rules as `get_object`."""

    async def patch_metadata(
        self, api_version: str, plural: str, namespace: str, name: str, metadata: Mapping[str, Any]
    ) -> None:
        """Merge into the metadata of any object; None removes a field.

        409 when it has a `resourceVersion` that is outdated.
        """

    async def can_i(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        """Return whether this identity may do that, as `kubectl auth can-i` does.

        `resource` may have a subresource (`pods/log`). Without a name: on all objects.
        """

    def writing_while(self, allowed: Callable[[], bool]) -> AbstractContextManager[None]:
        """Send writes, inside, only if `allowed` says yes right before their bytes go out.

        Those held back raise `UnreachableError`. Writes of Leases are always sent.
        """

    async def aclose(self) -> None:
        """Close all connections."""
