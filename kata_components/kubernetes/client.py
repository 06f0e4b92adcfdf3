"""The real implementation of `KubeApi`: paths, media types and records, over one `Connection`.

Reads are repeated after transient failures, writes are one attempt. Answers of writes are asked for
as metadata alone (`PartialObjectMetadata`): nothing else of them is used, and a deletecollection
would send back every object.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Final, TypeVar

import msgspec

from kata_components.errors import ApiError, ExpiredError
from kata_components.kubernetes import bodies, paths
from kata_components.kubernetes.api import Manifest
from kata_components.kubernetes.connection import Call, Connection
from kata_components.kubernetes.nodes import AnnotatedNode, Node
from kata_components.kubernetes.objects import (
    Job,
    JobEvent,
    JobList,
    Lease,
    ObjectMetadata,
    OwnedObject,
    Page,
)
from kata_components.kubernetes.pods import Event, Pod
from kata_components.kubernetes.retry import Retry
from kata_components.kubernetes.reviews import AccessReview, access_review
from kata_components.kubernetes.transport import Allowed, always
from kata_components.kubernetes.watch import JobWatcher

PAGE_SIZE: Final = 500
NODE_PAGE_SIZE: Final = 300
METADATA_PAGE_SIZE: Final = 2000
"""A page is held as text while it is read: a Node has 20 KB and more, the metadata of any object a
tenth."""
IDLE_LIMIT: Final = 90.0
"""Seconds of silence after which a watch counts as lost; bookmarks usually come once a minute.

The only defence against connections that are open on one side alone.
"""
_WATCH_SECONDS: Final = 240
_WATCH_SPREAD: Final = 120
"""Watches end after 240 to 360 s, so that many clients do not reconnect together."""
_RELISTS: Final = 5
_LOG_BYTES: Final = 65536
_COLLECTION_TIMEOUT: Final = 120.0
"""A deletecollection deletes its objects one after another before it answers."""

_CORE: Final = "/api/v1"
_PAGE_SIZES: Final = {f"{_CORE}/nodes": NODE_PAGE_SIZE}
_BATCH: Final = "/apis/batch/v1"
_COORDINATION: Final = "/apis/coordination.k8s.io/v1"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
_MERGE_PATCH: Final = "application/merge-patch+json"

T = TypeVar("T")


class HttpKubeApi:
    """Calls on the cluster of one connection; see `KubeApi` for each."""

    def __init__(
        self, connection: Connection, retry: Retry, idle_limit: float = IDLE_LIMIT
    ) -> None:
        self._connection = connection
        self._retry = retry
        self._idle_limit = idle_limit
        self._watchers: dict[tuple[str, str], JobWatcher] = {}
        self._allowed: Allowed = always

    @contextmanager
    def writing_while(self, allowed: Allowed) -> Iterator[None]:
        """Hold back writes, but for those of Leases, that are not `allowed` when their bytes could go out."""
        self._allowed = allowed
        try:
            yield
        finally:
            self._allowed = always

    async def list_nodes(self, selector: str = "") -> list[Node]:
        """Return the nodes a label selector matches, all for the empty one."""
        return (await self._list(f"{_CORE}/nodes", selector, Page[Node]))[0]

    async def list_node_metadata(self, selector: str = "") -> list[AnnotatedNode]:
        """Return names and annotations alone of the nodes a label selector matches."""
        return (await self._list(f"{_CORE}/nodes", selector, Page[AnnotatedNode], _METADATA_LIST))[
            0
        ]

    async def get_node(self, name: str) -> Node:
        """Return one node."""
        return await self._get(paths.item(_CORE, "nodes", name), Node)

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
        metadata = {"uid": uid, "annotations": dict(annotations)} | (
            {"labels": dict(labels)} if labels else {}
        )
        await self._write(
            "PATCH",
            paths.item(_CORE, "nodes", name),
            {"metadata": metadata},
            content_type=_MERGE_PATCH,
        )

    async def list_jobs(self, namespace: str, selector: str) -> JobList:
        """Return the Jobs a label selector matches, with the position to watch from."""
        jobs, position = await self._list(
            paths.collection(_BATCH, "jobs", namespace), selector, Page[Job]
        )
        return JobList(items=jobs, resource_version=position)

    def watch_jobs(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncGenerator[JobEvent, None]:
        """Yield changes from that position on.

        `ExpiredError` means list again, `aclose` ends it at once.
        """
        watcher = self._watchers.get((namespace, selector))
        if watcher is None:

            def open_watch(position: str) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
                return self._open_watch(
                    paths.collection(_BATCH, "jobs", namespace), selector, position
                )

            watcher = self._watchers[namespace, selector] = JobWatcher(open_watch, self._retry)
        return watcher.events(resource_version)

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        """Create a Job and return its metadata; 409 when one of that name exists."""
        return bodies.decode(
            await self._write("POST", paths.collection(_BATCH, "jobs", namespace), manifest), Job
        )

    async def rehearse_job(self, namespace: str, manifest: Manifest) -> None:
        """Ask what creating a Job would be answered.

        Nothing is written, so it is repeated as reads are.
        """
        path = paths.with_query(paths.collection(_BATCH, "jobs", namespace), {"dryRun": "All"})
        await self._read(
            Call(method="POST", path=path, body=msgspec.json.encode(manifest), accept=_METADATA)
        )

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Job with that UID and, in the background, its pods."""
        await self._write(
            "DELETE", paths.item(_BATCH, "jobs", name, namespace), bodies.deletion(uid)
        )

    async def delete_jobs(self, namespace: str, selector: str, field_selector: str = "") -> None:
        """Delete all Jobs that label and field selector match, with one deletecollection."""
        if not selector:
            raise ValueError(
                "delete_jobs wants a label selector: without one it would delete every Job there is"
            )
        query = {"labelSelector": selector, "fieldSelector": field_selector}
        path = paths.with_query(paths.collection(_BATCH, "jobs", namespace), query)
        body = msgspec.json.encode(bodies.deletion())
        call = Call(
            method="DELETE",
            path=path,
            body=body,
            # It answers with all that was deleted.
            accept=_METADATA_LIST,
            time_limit=_COLLECTION_TIMEOUT,
            allowed=self._allowed,
        )
        await self._connection.send(call)

    async def list_pods(self, namespace: str, selector: str, field_selector: str = "") -> list[Pod]:
        """Return the pods that label and field selector match."""
        path = paths.collection(_CORE, "pods", namespace)
        return (await self._list(path, selector, Page[Pod], field_selector=field_selector))[0]

    async def list_events(self, namespace: str, field_selector: str) -> list[Event]:
        """Return the events that a field selector matches."""
        path = paths.collection(_CORE, "events", namespace)
        return (await self._list(path, "", Page[Event], field_selector=field_selector))[0]

    async def pod_log(self, namespace: str, pod: str, container: str, tail_lines: int) -> str:
        """Return the last lines a container wrote, at most 64 KiB."""
        query = {
            "container": container,
            "tailLines": str(tail_lines),
            "limitBytes": str(_LOG_BYTES),
        }
        path = paths.with_query(f"{paths.item(_CORE, 'pods', pod, namespace)}/log", query)
        return (await self._read(Call(path=path, accept="*/*"))).decode("utf-8", "replace")

    async def get_lease(self, namespace: str, name: str) -> Lease:
        """Return one Lease."""
        return await self._get(paths.item(_COORDINATION, "leases", name, namespace), Lease)

    async def create_lease(self, namespace: str, manifest: Manifest) -> Lease:
        """Create a Lease; 409 when it exists."""
        path = paths.collection(_COORDINATION, "leases", namespace)
        return bodies.decode(await self._write("POST", path, manifest, accept=_JSON), Lease)

    async def replace_lease(self, namespace: str, name: str, manifest: Manifest) -> Lease:
        """Replace a Lease.

        With `metadata.resourceVersion` in the manifest, 409 when it changed since.
        """
        path = paths.item(_COORDINATION, "leases", name, namespace)
        return bodies.decode(await self._write("PUT", path, manifest, accept=_JSON), Lease)

    async def delete_lease(self, namespace: str, name: str, uid: str) -> None:
        """Delete the Lease with that UID."""
        await self._write(
            "DELETE", paths.item(_COORDINATION, "leases", name, namespace), bodies.deletion(uid)
        )

    async def get_namespace(self, name: str) -> ObjectMetadata:
        """Return the metadata of a namespace."""
        return await self._get(paths.item(_CORE, "namespaces", name), ObjectMetadata, _METADATA)

    async def list_metadata(
        self, api_version: str, plural: str, namespace: str
    ) -> list[ObjectMetadata]:
        """Return the metadata of all objects of a kind, none when the cluster does not know it."""
        path = paths.collection(paths.prefix(api_version), plural, namespace)
        try:
            return (await self._list(path, "", Page[ObjectMetadata], _METADATA_LIST))[0]
        except ApiError as error:
            if error.not_found:
                return []
            raise

    async def get_object(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        """Return any object as it came, None when there is none or the cluster does not know its kind."""
        return await self._find(api_version, plural, namespace, name, dict[str, Any])

    async def get_metadata(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> OwnedObject | None:
        """Return the metadata of any object, None when there is none or the cluster does not know its kind."""
        return await self._find(api_version, plural, namespace, name, OwnedObject, _METADATA)

    async def patch_metadata(
        self, api_version: str, plural: str, namespace: str, name: str, metadata: Mapping[str, Any]
    ) -> None:
        """Merge into the metadata of any object, None removes.

        With `resourceVersion`, 409 when it changed since.
        """
        path = paths.item(paths.prefix(api_version), plural, name, namespace)
        await self._write("PATCH", path, {"metadata": dict(metadata)}, content_type=_MERGE_PATCH)

    async def allowed(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        """Return whether this identity may do that; `resource` may be `pods/log`."""
        body = msgspec.json.encode(access_review(verb, group, resource, namespace, name))
        # A POST that changes nothing, so it is repeated as reads are.
        answer = await self._read(Call(method="POST", path=_REVIEWS, body=body))
        return bodies.decode(answer, AccessReview).allowed

    async def aclose(self) -> None:
        """Close all connections."""
        await self._connection.aclose()

    async def _read(self, call: Call) -> bytes:
        return await self._retry.read(lambda: self._connection.request(call))

    async def _get(self, path: str, kind: type[T], accept: str = _JSON) -> T:
        return bodies.decode(await self._read(Call(path=path, accept=accept)), kind)

    async def _find(
        self,
        api_version: str,
        plural: str,
        namespace: str,
        name: str,
        kind: type[T],
        accept: str = _JSON,
    ) -> T | None:
        try:
            return await self._get(
                paths.item(paths.prefix(api_version), plural, name, namespace), kind, accept
            )
        except ApiError as error:
            if not error.not_found:
                raise
            return None

    async def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any],
        *,
        accept: str = _METADATA,
        content_type: str = _JSON,
    ) -> bytes:
        call = Call(
            method=method,
            path=path,
            body=msgspec.json.encode(body),
            accept=accept,
            content_type=content_type,
            # A renewal of the Lease is what the others wait for.
            allowed=always if path.startswith(_COORDINATION) else self._allowed,
        )
        return await self._connection.request(call)

    async def _list(
        self,
        path: str,
        selector: str,
        page: type[Page[T]],
        accept: str = _JSON,
        *,
        field_selector: str = "",
    ) -> tuple[list[T], str]:
        """Return all items of a consistent list and its position.

        A list that expires half-way begins again.
        """
        size = METADATA_PAGE_SIZE if accept == _METADATA_LIST else _PAGE_SIZES.get(path, PAGE_SIZE)
        query = {"limit": str(size), "labelSelector": selector, "fieldSelector": field_selector}
        for _ in range(_RELISTS - 1):
            try:
                return await self._pages(path, query, page, accept)
            except ExpiredError:
                continue
        return await self._pages(path, query, page, accept)

    async def _pages(
        self, path: str, query: Mapping[str, str], page: type[Page[T]], accept: str
    ) -> tuple[list[T], str]:
        items: list[T] = []
        position = ""
        while True:
            answer = await self._get(
                paths.with_query(path, {**query, "continue": position}), page, accept
            )
            items += answer.items or []
            position = answer.metadata.continue_ or ""
            if not position:
                return items, answer.metadata.resource_version

    def _open_watch(
        self, path: str, selector: str, position: str
    ) -> AbstractAsyncContextManager[AsyncIterator[bytes]]:
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "labelSelector": selector,
            "resourceVersion": position,
            "timeoutSeconds": str(round(_WATCH_SECONDS + _WATCH_SPREAD * self._retry.random())),
        }
        # Uncompressed: what compresses a stream may hold events back.
        return self._connection.stream(
            Call(path=paths.with_query(path, query), compressed=False), self._idle_limit
        )
