"""`KubeApi` for a model of a cluster, in virtual time, with the faults that a test asks for."""
# ruff: noqa: ARG002 - the protocol gives the arguments of methods

import asyncio
import contextlib
import copy
import functools
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any, TypeVar

import msgspec

from kata_components.errors import ApiError, ExpiredError, UnreachableError
from kata_components.kubernetes.api import Manifest
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
from tests.model import cron_job
from tests.model.cluster import Cluster
from tests.model.history import RefusedError
from tests.model.store import Namespace
from tests.model.virtual_loop import now

T = TypeVar("T")

LATENCY = 0.02


class FakeKubeApi:
    """One client."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.asked: list[str] = []
        """The names of its calls."""
        self.dead = False
        """Whether it never gets an answer again."""
        self.down_until = 0.0
        """Until when the API server is out of reach."""
        self._before: dict[str, list[Exception]] = defaultdict(list)
        self._after: dict[str, list[Exception]] = defaultdict(list)

    def refuse(self, call: str, *errors: Exception) -> None:
        """Answer the next calls with errors; nothing is applied."""
        self._before[call] += errors

    def lose_answer(self, call: str, *errors: Exception) -> None:
        """Apply the next calls, and answer them with errors."""
        self._after[call] += errors

    async def _call(self, name: str, apply: Callable[[], T]) -> T:
        self.asked.append(name)
        await asyncio.sleep(LATENCY)
        if self.dead:
            await asyncio.Event().wait()
        if now() < self.down_until:
            raise unreachable()
        if self._before[name]:
            raise self._before[name].pop(0)
        try:
            answer = apply()
        except RefusedError as error:
            raise ApiError(error.status, error.reason, str(error)) from None
        if self._after[name]:
            raise self._after[name].pop(0)
        return answer

    async def _reach(self) -> None:
        """Hold back an event of the watch while the server is out of reach."""
        if self.dead:
            await asyncio.Event().wait()
        await asyncio.sleep(max(0.0, self.down_until - now()))

    async def list_nodes(self, selector: str = "") -> list[Node]:
        return await self._list("list_nodes", self.cluster.nodes, selector, Node)

    async def list_node_metadata(self, selector: str = "") -> list[AnnotatedNode]:
        return await self._list("list_node_metadata", self.cluster.nodes, selector, AnnotatedNode)

    async def get_node(self, name: str) -> Node:
        return await self._get("get_node", self.cluster.nodes, name, Node)

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
        def patched() -> Node:
            node = self.cluster.patch_node(
                name,
                uid,
                annotations=annotations,
                labels=labels,
                taints=None if taints is None else msgspec.to_builtins(taints),
                resource_version=resource_version,
            )
            return msgspec.convert(node, Node)

        return await self._call("patch_node", patched)

    async def watch_node_metadata(
        self, resource_version: str = ""
    ) -> AsyncGenerator[MetadataEvent, None]:
        await self._call("watch_node_metadata", lambda: None)
        try:
            async for event in self.cluster.follow_nodes(resource_version):
                await self._reach()
                node = msgspec.convert(event.object, ObjectMetadata)
                yield MetadataEvent(type=event.type, object=node)
        except RefusedError as error:
            raise ExpiredError(error.status, error.reason, str(error)) from None

    async def list_jobs(self, namespace: str, selector: str) -> JobList:
        def listed() -> JobList:
            found, position = self.cluster.list_objects(self._inside(namespace).jobs, selector)
            return JobList(items=msgspec.convert(found, list[Job]), resource_version=position)

        return await self._call("list_jobs", listed)

    async def watch_jobs(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncGenerator[JobEvent, None]:
        await self._call("watch_jobs", lambda: None)
        try:
            async for event in self.cluster.follow(namespace, selector, resource_version):
                await self._reach()
                yield JobEvent(type=event.type, object=msgspec.convert(event.object, Job))
        except RefusedError as error:
            raise ExpiredError(error.status, error.reason, str(error)) from None

    async def create_job(self, namespace: str, manifest: Manifest) -> Job:
        job = await self._call(
            "create_job", lambda: self.cluster.create_job(namespace, dict(manifest))
        )
        return msgspec.convert({"metadata": job["metadata"]}, Job)

    async def delete_job(self, namespace: str, name: str, uid: str) -> None:
        await self._call(
            "delete_job", lambda: self.cluster.delete_job(name, uid, namespace=namespace)
        )

    async def delete_jobs(self, namespace: str, selector: str, field_selector: str = "") -> None:
        succeeded_only = field_selector == "status.successful=1"
        assert succeeded_only or not field_selector
        delete = functools.partial(
            self.cluster.delete_jobs, selector, succeeded_only=succeeded_only
        )
        await self._call("delete_jobs", lambda: delete(namespace=namespace))

    async def dry_run_job(self, namespace: str, manifest: Manifest) -> None:
        await self._call("dry_run_job", lambda: self.cluster.admit_job(namespace, dict(manifest)))

    async def suspend_cron_job(self, namespace: str, name: str, *, suspended: bool) -> None:
        path = path_of("cronjobs", namespace, name)
        await self._call(
            "suspend_cron_job", lambda: cron_job.suspend(self.cluster, path, suspended=suspended)
        )

    async def list_pods(self, namespace: str, selector: str, field_selector: str = "") -> list[Pod]:
        pods = await self._list("list_pods", self._inside(namespace).pods, selector, Pod)
        if not field_selector:
            return pods
        assert field_selector == "status.phase!=Succeeded"
        return [pod for pod in pods if pod.status is None or pod.status.phase != "Succeeded"]

    async def list_events(self, namespace: str, field_selector: str) -> list[Event]:
        def listed() -> list[Event]:
            return msgspec.convert(self.cluster.events_of(namespace, field_selector), list[Event])

        return await self._call("list_events", listed)

    async def create_event(self, namespace: str, manifest: Manifest) -> None:
        await self._call(
            "create_event", lambda: self.cluster.create_event(namespace, dict(manifest))
        )

    async def pod_log(self, namespace: str, pod: str, container: str, tail_lines: int) -> str:
        return await self._call("pod_log", lambda: self.cluster.tail(tail_lines))

    async def get_lease(self, namespace: str, name: str) -> Lease:
        return await self._get("get_lease", self._inside(namespace).leases, name, Lease)

    async def create_lease(self, namespace: str, manifest: Manifest) -> Lease:
        made = await self._call(
            "create_lease", lambda: self.cluster.create_lease(namespace, dict(manifest))
        )
        return msgspec.convert(made, Lease)

    async def replace_lease(self, namespace: str, name: str, manifest: Manifest) -> Lease:
        made = await self._call(
            "replace_lease", lambda: self.cluster.replace_lease(namespace, name, dict(manifest))
        )
        return msgspec.convert(made, Lease)

    async def delete_lease(self, namespace: str, name: str, uid: str) -> None:
        await self._call("delete_lease", lambda: self.cluster.delete_lease(namespace, name, uid))

    async def get_namespace(self, name: str) -> ObjectMetadata:
        return await self._get(
            "get_namespace", self.cluster.objects, f"namespaces/{name}", ObjectMetadata
        )

    async def list_metadata(
        self, api_version: str, plural: str, namespace: str
    ) -> list[ObjectMetadata]:
        def listed() -> list[ObjectMetadata]:
            return msgspec.convert(
                self.cluster.objects_at(path_of(plural, namespace, "")), list[ObjectMetadata]
            )

        return await self._call("list_metadata", listed)

    async def get_object(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> dict[str, Any] | None:
        path = path_of(plural, namespace, name)
        return await self._call("get_object", lambda: copy.deepcopy(self.cluster.objects.get(path)))

    async def get_metadata(
        self, api_version: str, plural: str, namespace: str, name: str
    ) -> OwnedObject | None:
        try:
            return await self._get(
                "get_metadata", self.cluster.objects, path_of(plural, namespace, name), OwnedObject
            )
        except ApiError as error:
            if not error.not_found:
                raise
            return None

    async def patch_metadata(
        self, api_version: str, plural: str, namespace: str, name: str, metadata: Mapping[str, Any]
    ) -> None:
        path = path_of(plural, namespace, name)
        await self._call(
            "patch_metadata", lambda: self.cluster.patch_metadata(path, dict(metadata))
        )

    async def can_i(
        self, verb: str, group: str, resource: str, namespace: str = "", name: str = ""
    ) -> bool:
        raise AssertionError(
            f"nothing here asks whether it may {verb} {group} {resource} {namespace} {name}"
        )

    def writing_while(self, allowed: Callable[[], bool]) -> contextlib.AbstractContextManager[None]:
        return contextlib.nullcontext()

    async def aclose(self) -> None:
        pass

    def _inside(self, namespace: str) -> Namespace:
        return self.cluster.namespaces[namespace]

    async def _list(self, call: str, kept: dict[str, Any], selector: str, kind: type[T]) -> list[T]:
        found, _ = await self._call(call, lambda: self.cluster.list_objects(kept, selector))
        return msgspec.convert(found, list[kind])  # type: ignore[valid-type] # a type made at run time

    async def _get(self, call: str, kept: dict[str, Any], name: str, kind: type[T]) -> T:
        return msgspec.convert(await self._call(call, lambda: self.cluster.find(kept, name)), kind)


def path_of(plural: str, namespace: str, name: str) -> str:
    """Return where the model of the cluster keeps an object."""
    return f"namespaces/{namespace}/{plural}/{name}" if namespace else f"{plural}/{name}"


def unreachable() -> UnreachableError:
    return UnreachableError("the API server did not answer: connection refused")


def server_error() -> ApiError:
    return ApiError(500, "InternalError", "etcdserver: request timed out")


def forbidden(what: str) -> ApiError:
    return ApiError(403, "Forbidden", f'forbidden: User "ann" cannot {what}')


def denied_by_admission() -> ApiError:
    return ApiError(403, "Forbidden", 'admission webhook "policy" denied the request: privileged')
