# ruff: noqa: D102 - the methods are documented in `KubeApi`
"""The real implementation of `KubeApi`: paths, media types and records, over one `Connection`.

Reads are repeated after transient failures, writes are one attempt. Where nothing else of a write's
answer is used, it asks for metadata alone (`PartialObjectMetadata`): a deletecollection would send
back every object.
"""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, TypeVar

import msgspec

from kata_components.errors import ApiError
from kata_components.kubernetes import bodies, paths
from kata_components.kubernetes.api import KubeApi, Manifest
from kata_components.kubernetes.connection import Call, Connection
from kata_components.kubernetes.nodes import AnnotatedNode, Node, Taint
from kata_components.kubernetes.objects import (
    Job,
    JobEvent,
    JobList,
    Lease,
    MetadataEvent,
    ObjectMetadata,
    OwnedObject,
    Page,
)
from kata_components.kubernetes.paging import all_items
from kata_components.kubernetes.pods import Event, Pod
from kata_components.kubernetes.retry import Retry
from kata_components.kubernetes.reviews import AccessReview, access_review
from kata_components.kubernetes.transport import Allowed, always
from kata_components.kubernetes.watch import Watches

_PAGE_SIZE: Final = 500
_NODE_PAGE_SIZE: Final = 300
_METADATA_PAGE_SIZE: Final = 2000
"""A page is in memory as text while it is decoded: a Node has 20 KB and more, the metadata of an
object a tenth of that."""
IDLE_LIMIT: Final = 90.0
"""Seconds of silence after which a watch counts as lost; bookmarks usually come once a minute.

The only defence against half-open connections.
"""
_LOG_BYTES: Final = 65536
_COLLECTION_TIMEOUT: Final = 120.0
"""A deletecollection deletes its objects one by one before it answers."""

_CORE: Final = "/api/v1"
_NODES: Final = f"{_CORE}/nodes"
_BATCH: Final = "/apis/batch/v1"
_COORDINATION: Final = "/apis/coordination.k8s.io/v1"
_REVIEWS: Final = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"

_JSON: Final = "application/json"
_METADATA: Final = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io"
_METADATA_LIST: Final = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io"
_MERGE_PATCH: Final = "application/merge-patch+json"

T = TypeVar("T")


class HttpKubeApi(KubeApi):
    """Calls on the cluster of one connection."""

    def __init__(
        self, connection: Connection, retry: Retry, idle_limit: float = IDLE_LIMIT
    ) -> None:
        self._connection = connection
        self._retry = retry
        self._watches = Watches(connection, retry, idle_limit)
        self._allowed: Allowed = always

    @contextmanager
    def writing_while(self, allowed: Allowed) -> Iterator[None]:
        self._allowed = allowed
        try:
            yield
        finally:
            self._allowed = always

    async def list_nodes(self, selector: str = "") -> list[Node]:
        return (await self._list(_NODES, selector, Page[Node], size=_NODE_PAGE_SIZE))[0]

    async def list_node_metadata(self, selector: str = "") -> list[AnnotatedNode]:
        return (await self._list_metadata(_NODES, selector, Page[AnnotatedNode]))[0]

    async def get_node(self, name: str) -> Node:
        return await self._get(paths.item(_CORE, "nodes", name), Node)

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
        patch = bodies.node_patch(uid, annotations, labels, taints, resource_version)
        path = paths.item(_CORE, "nodes", name)
        answer = await self._write("PATCH", path, patch, accept=_JSON, content_type=_MERGE_PATCH)
        return bodies.decode(answer, Node)

    def watch_node_metadata(
        self, resource_version: str = ""
    ) -> AsyncGenerator[MetadataEvent, None]:
        watcher = self._watches.of(_NODES, ObjectMetadata, "nodes", accept=_METADATA)
        return watcher.events(resource_version)

    async def list_jobs(self, namespace: str, selector: str) -> JobList:
        path = paths.collection(_BATCH, "jobs", namespace)
        jobs, position = await self._list(path, selector, Page[Job])
        return JobList(items=jobs, resource_version=position)

    def watch_jobs(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncGenerator[JobEvent, None]:
        path = paths.collection(_BATCH, "jobs", namespace)
        return self._watches.of(path, Job, "Jobs", selector=selector).events(resource_version)

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        path = paths.collection(_BATCH, "jobs", namespace)
        return bodies.decode(await self._write("POST", path, manifest), Job)

    async def dry_run_job(self, namespace: str, manifest: Manifest) -> None:
        path = paths.with_query(paths.collection(_BATCH, "jobs", namespace), {"dryRun": "All"})
        body = msgspec.json.encode(manifest)
        await self._read(Call(method="POST", path=path, body=body, accept=_METADATA))

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        path = paths.item(_BATCH, "jobs", name, namespace)
        await self._write("DELETE", path, bodies.deletion(uid))

    async def delete_jobs(self, namespace: str, selector: str, field_selector: str = "") -> None:
        if not selector:
            raise ValueError(
                "delete_jobs needs a label selector: without one it would delete every Job"
            )
        query = {"labelSelector": selector, "fieldSelector": field_selector}
        call = Call(
            method="DELETE",
            path=paths.with_query(paths.collection(_BATCH, "jobs", namespace), query),
            body=msgspec.json.encode(bodies.deletion()),
            # It answers with all that it deleted.
            accept=_METADATA_LIST,
            time_limit=_COLLECTION_TIMEOUT,
            allowed=self._allowed,
        )
        await self._connection.send(call)

    async def suspend_cron_job(self, namespace: str, name: str, *, suspended: bool) -> None:
        path = paths.item(_BATCH, "cronjobs", name, namespace)
        patch = {"spec": {"suspend": suspended}}
        await self._write("PATCH", path, patch, content_type=_MERGE_PATCH)

    async def list_pods(self, namespace: str, selector: str, field_selector: str = "") -> list[Pod]:
        path = paths.collection(_CORE, "pods", namespace)
        return (await self._list(path, selector, Page[Pod], field_selector=field_selector))[0]

    async def list_events(self, namespace: str, field_selector: str) -> list[Event]:
        path = paths.collection(_CORE, "events", namespace)
        return (await self._list(path, "", Page[Event], field_selector=field_selector))[0]

    async def create_event(self, namespace: str, manifest: Manifest) -> None:
        await self._write("POST", paths.collection(_CORE, "events", namespace), manifest)

    async def pod_log(self, namespace: str, pod: str, container: str, tail_lines: int) -> str:
        query = {
            "container": container,
            "tailLines": str(tail_lines),
            "limitBytes": str(_LOG_BYTES),
        }
        path = paths.with_query(f"{paths.item(_CORE, 'pods', pod, namespace)}/log", query)
        return (await self._read(Call(path=path, accept="*/*"))).decode("utf-8", "replace")

    async def get_lease(self, namespace: str, name: str) -> Lease:
        return await self._get(paths.item(_COORDINATION, "leases", name, namespace), Lease)

    async def create_lease(self, namespace: str, manifest: Manifest) -> Lease:
        path = paths.collection(_COORDINATION, "leases", namespace)
        return bodies.decode(await self._write("POST", path, manifest, accept=_JSON), Lease)

    async def replace_lease(self, namespace: str, name: str, manifest: Manifest) -> Lease:
        path = paths.item(_COORDINATION, "leases", name, namespace)
        return bodies.decode(await self._write("PUT", path, manifest, accept=_JSON), Lease)

    async def delete_lease(self, namespace: str, name: str, uid: str) -> None:
        path = paths.item(_COORDINATION, "leases", name, namespace)
        await self._write("DELETE", path, bodies.deletion(uid))

    async def get_namespace(self, name: str) -> ObjectMetadata:
        return await self._get(paths.item(_CORE, "namespaces", name), ObjectMetadata, _METADATA)

    async def list_metadata(
        self, api_version: str, plural: str, namespace: str
    ) -> list[ObjectMetadata]:
        path = paths.collection(paths.prefix(api_version), plural, namespace)
        try:
            return (await self._list_metadata(path, "", Page[ObjectMetadata]))[0]
        except ApiError as error:
            if error.not_found:
                return []
            raise

    async def get_object(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        path = paths.item(paths.prefix(api_version), plural, name, namespace)
        return await self._find(path, dict[str, Any])

    async def get_metadata(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> OwnedObject | None:
        path = paths.item(paths.prefix(api_version), plural, name, namespace)
        return await self._find(path, OwnedObject, _METADATA)

    async def patch_metadata(
        self, api_version: str, plural: str, namespace: str, name: str, metadata: Mapping[str, Any]
    ) -> None:
        await self._patch(paths.item(paths.prefix(api_version), plural, name, namespace), metadata)

    async def can_i(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        body = msgspec.json.encode(access_review(verb, group, resource, namespace, name))
        # A POST that changes nothing, so it is repeated like a read.
        answer = await self._read(Call(method="POST", path=_REVIEWS, body=body))
        return bodies.decode(answer, AccessReview).allowed

    async def aclose(self) -> None:
        await self._connection.aclose()

    async def _read(self, call: Call) -> bytes:
        return await self._retry.read(lambda: self._connection.request(call))

    async def _get(self, path: str, kind: type[T], accept: str = _JSON) -> T:
        return bodies.decode(await self._read(Call(path=path, accept=accept)), kind)

    async def _find(self, path: str, kind: type[T], accept: str = _JSON) -> T | None:
        try:
            return await self._get(path, kind, accept)
        except ApiError as error:
            if not error.not_found:
                raise
            return None

    async def _list(
        self,
        path: str,
        selector: str,
        page: type[Page[T]],
        accept: str = _JSON,
        *,
        field_selector: str = "",
        size: int = _PAGE_SIZE,
    ) -> tuple[list[T], str]:
        async def get_page(paging: Mapping[str, str]) -> Page[T]:
            query = {**paging, "labelSelector": selector, "fieldSelector": field_selector}
            return await self._get(paths.with_query(path, query), page, accept)

        return await all_items(get_page, size)

    async def _list_metadata(
        self, path: str, selector: str, page: type[Page[T]]
    ) -> tuple[list[T], str]:
        return await self._list(path, selector, page, _METADATA_LIST, size=_METADATA_PAGE_SIZE)

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
            # All other writes wait for the Lease to be renewed.
            allowed=always if path.startswith(_COORDINATION) else self._allowed,
        )
        return await self._connection.request(call)

    async def _patch(self, path: str, metadata: Mapping[str, Any]) -> None:
        await self._write("PATCH", path, {"metadata": dict(metadata)}, content_type=_MERGE_PATCH)
