"""The model of a cluster behind a real socket: the API server that a provider process talks to."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self, TypeVar

from tests.kubernetes.fake_server import FakeServer, ReceivedRequest, Reply, ok, refused
from tests.kubernetes.support import kubeconfig
from tests.model import cron_job
from tests.model.cluster import Cluster
from tests.model.history import Event, RefusedError

T = TypeVar("T")

_PREFIX = r"/(?:api/v1|apis/[^/]+/[^/]+)"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Watching(Reply):
    """A reply that streams events without end."""

    events: AsyncIterator[Event] | None = None


class _Server(FakeServer):
    async def answer(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if not isinstance(reply, Watching) or reply.events is None:
            await super().answer(reply, writer)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        async for event in reply.events:
            line = json.dumps({"type": event.type, "object": event.object}).encode() + b"\n"
            writer.write(b"%x\r\n%b\r\n" % (len(line), line))
            await writer.drain()


class ApiServer:
    """Serves a cluster from its own thread."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.denied: set[str] = set()
        """The rights that nobody has, each as `verb resource`."""
        self.locked_nodes: set[str] = set()
        """The nodes that admission lets nobody change."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server = _Server(self._script)
        self._asked = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._server.__aenter__())
        return self

    def __exit__(self, *error: object) -> None:
        self._wait(self._server.__aexit__(*error))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def writes(self) -> list[str]:
        """The requests that change something."""
        return [
            f"{request.method} {request.path}"
            for request in self._server.received
            if request.method != "GET"
            and "selfsubjectaccessreviews" not in request.path
            and "dryRun" not in request.query
        ]

    def write_kubeconfig(self, path: Path) -> None:
        path.write_text(json.dumps(kubeconfig(self._server.url)))

    def do(self, change: Callable[[], T]) -> T:
        """Run something in the server's thread, which owns the cluster."""

        async def changed() -> T:
            return change()

        result: T = self._wait(changed())
        return result

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until a condition holds; it is checked after each request."""

        async def waited() -> None:
            async with asyncio.timeout(_WAIT_SECONDS):
                while not holds():
                    self._asked.clear()
                    await self._asked.wait()

        self._wait(waited())

    def _wait(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(_WAIT_SECONDS + 1.0)

    def _script(self, request: ReceivedRequest) -> Reply:
        try:
            return self._route(request)
        except RefusedError as error:
            return refused(error.status, str(error), error.reason)
        finally:
            self._asked.set()

    def _route(self, request: ReceivedRequest) -> Reply:
        for pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, f"{request.method} {request.path}")
            if found:
                answer = handler(self, request, *found.groups())
                return answer if isinstance(answer, Reply) else ok(answer or {})
        if request.method == "GET":
            path = re.sub(f"{_PREFIX}/", "", request.path)
            if "PartialObjectMetadataList" in request.headers["accept"]:
                return ok(
                    {
                        "metadata": {"resourceVersion": "1"},
                        "items": self.cluster.objects_at(f"{path}/"),
                    }
                )
            return ok(self.cluster.find(self.cluster.objects, path))
        raise RefusedError(
            405, "MethodNotAllowed", f"{request.method} {request.path} is not part of the model"
        )

    def _list(self, kept: dict[str, Any], request: ReceivedRequest) -> dict[str, Any]:
        items, version = self.cluster.list_objects(kept, request.query.get("labelSelector", ""))
        return {"metadata": {"resourceVersion": version}, "items": items}

    def _jobs(self, request: ReceivedRequest, namespace: str) -> Reply:
        if "watch" not in request.query:
            return ok(self._list(self.cluster.namespaces[namespace].jobs, request))
        selector, version = request.query["labelSelector"], request.query["resourceVersion"]
        return Watching(events=self.cluster.follow(namespace, selector, version))

    def _create_job(self, request: ReceivedRequest, namespace: str) -> dict[str, Any] | None:
        if "dryRun" in request.query:
            self.cluster.admit_job(namespace, request.json)
            return None
        return self.cluster.create_job(namespace, request.json)

    def _delete_jobs(self, request: ReceivedRequest, namespace: str) -> None:
        succeeded_only = request.query.get("fieldSelector") == "status.successful=1"
        selector = request.query["labelSelector"]
        self.cluster.delete_jobs(selector, succeeded_only=succeeded_only, namespace=namespace)

    def _delete_job(self, request: ReceivedRequest, namespace: str, name: str) -> None:
        self.cluster.delete_job(name, request.json["preconditions"]["uid"], namespace=namespace)

    def _delete_lease(self, request: ReceivedRequest, namespace: str, name: str) -> None:
        self.cluster.delete_lease(namespace, name, request.json["preconditions"]["uid"])

    def _nodes(self, request: ReceivedRequest) -> Reply:
        if "watch" not in request.query:
            return ok(self._list(self.cluster.nodes, request))
        return Watching(events=self.cluster.follow_nodes(request.query.get("resourceVersion", "")))

    def _patch_node(self, request: ReceivedRequest, name: str) -> dict[str, Any]:
        if name in self.locked_nodes:
            raise RefusedError(403, "Forbidden", f"admission denies changes of {name}")
        metadata = request.json["metadata"]
        return self.cluster.patch_node(
            name,
            metadata["uid"],
            annotations=metadata.get("annotations", {}),
            labels=metadata.get("labels", {}),
            taints=request.json.get("spec", {}).get("taints"),
            resource_version=metadata.get("resourceVersion", ""),
        )

    def _patch(self, request: ReceivedRequest, path: str) -> None:
        self.cluster.patch_metadata(path, request.json["metadata"])

    def _log(self, request: ReceivedRequest) -> Reply:
        return Reply(body=self.cluster.tail(int(request.query["tailLines"])).encode())

    def _review(self, request: ReceivedRequest) -> dict[str, Any]:
        attributes = request.json["spec"]["resourceAttributes"]
        return {
            "status": {
                "allowed": f"{attributes['verb']} {attributes['resource']}" not in self.denied
            }
        }


def _suspended(request: ReceivedRequest) -> dict[str, bool]:
    return {"suspended": request.json["spec"]["suspend"]}


_IN_NAMESPACE = rf"{_PREFIX}/namespaces/([^/]+)"
_ROUTES: list[tuple[str, Callable[..., Any]]] = [
    (rf"GET {_PREFIX}/nodes", lambda s, request: s._nodes(request)),
    (rf"GET {_PREFIX}/nodes/([^/]+)", lambda s, _, name: s.cluster.find(s.cluster.nodes, name)),
    (rf"PATCH {_PREFIX}/nodes/([^/]+)", lambda s, request, name: s._patch_node(request, name)),
    (rf"GET {_IN_NAMESPACE}/jobs", lambda s, request, namespace: s._jobs(request, namespace)),
    (
        rf"POST {_IN_NAMESPACE}/jobs",
        lambda s, request, namespace: s._create_job(request, namespace),
    ),
    (
        rf"DELETE {_IN_NAMESPACE}/jobs",
        lambda s, request, namespace: s._delete_jobs(request, namespace),
    ),
    (rf"DELETE {_IN_NAMESPACE}/jobs/([^/]+)", lambda s, *place: s._delete_job(*place)),
    (
        rf"GET {_IN_NAMESPACE}/pods",
        lambda s, request, inside: s._list(s.cluster.namespaces[inside].pods, request),
    ),
    (rf"GET {_IN_NAMESPACE}/pods/[^/]+/log", lambda s, request, _: s._log(request)),
    (
        rf"POST {_IN_NAMESPACE}/leases",
        lambda s, request, namespace: s.cluster.create_lease(namespace, request.json),
    ),
    (
        rf"GET {_IN_NAMESPACE}/leases/([^/]+)",
        lambda s, _, namespace, name: s.cluster.find(s.cluster.namespaces[namespace].leases, name),
    ),
    (
        rf"PUT {_IN_NAMESPACE}/leases/([^/]+)",
        lambda s, request, *place: s.cluster.replace_lease(*place, request.json),
    ),
    (rf"DELETE {_IN_NAMESPACE}/leases/([^/]+)", lambda s, *place: s._delete_lease(*place)),
    (rf"POST {_PREFIX}/selfsubjectaccessreviews", lambda s, request: s._review(request)),
    (
        rf"PATCH {_PREFIX}/(.+/cronjobs/.+)",
        lambda s, request, path: cron_job.suspend(s.cluster, path, **_suspended(request)),
    ),
    (rf"PATCH {_PREFIX}/(.+)", lambda s, request, path: s._patch(request, path)),
]
