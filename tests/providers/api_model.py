"""The model of a cluster behind a real socket: the API server that a provider process talks to."""

import asyncio
import json
import re
import threading
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from tests.kubernetes.fake_server import Asked, FakeServer, Reply, ok, refused
from tests.kubernetes.support import kubeconfig
from tests.model.cluster import Cluster
from tests.model.store import Event, RefusedError

T = TypeVar("T")

_PREFIX = r"/(?:api/v1|apis/[^/]+/[^/]+)"
_WAIT_SECONDS = 10.0


@dataclass(frozen=True)
class Watching(Reply):
    """An answer that goes on with the events, for ever."""

    events: AsyncIterator[Event] | None = None


class _Server(FakeServer):
    async def _answer(self, reply: Reply, writer: asyncio.StreamWriter) -> None:
        if not isinstance(reply, Watching) or reply.events is None:
            await super()._answer(reply, writer)
            return
        writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
        async for event in reply.events:
            line = json.dumps({"type": event.type, "object": event.object}).encode() + b"\n"
            writer.write(b"%x\r\n%b\r\n" % (len(line), line))
            await writer.drain()


class ApiServer:
    """Serves a cluster from a thread of its own.

    `denied` are the `verb resource` pairs nobody may do.
    """

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.denied: set[str] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._server = _Server(self._script)
        self._asked = asyncio.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        self._wait(self._server.__aenter__())
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._wait(self._server.__aexit__(kind, error, trace))
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def writes(self) -> list[str]:
        """What was asked that changes something."""
        return [
            f"{asked.method} {asked.path}"
            for asked in self._server.asked
            if asked.method != "GET"
            and "selfsubjectaccessreviews" not in asked.path
            and "dryRun" not in asked.query
        ]

    def write_kubeconfig(self, path: Path) -> None:
        path.write_text(json.dumps(kubeconfig(self._server.url)))

    def do(self, change: Callable[[], T]) -> T:
        """Run something in the server's thread, where the cluster lives."""

        async def changed() -> T:
            return change()

        result: T = self._wait(changed())
        return result

    def until(self, holds: Callable[[], bool]) -> None:
        """Wait until it holds, looked at after each request."""

        async def waited() -> None:
            async with asyncio.timeout(_WAIT_SECONDS):
                while not holds():
                    self._asked.clear()
                    await self._asked.wait()

        self._wait(waited())

    def _wait(self, work: Any) -> Any:
        future: Future[Any] = asyncio.run_coroutine_threadsafe(work, self._loop)
        return future.result(_WAIT_SECONDS + 1.0)

    def _script(self, asked: Asked) -> Reply:
        try:
            return self._route(asked)
        except RefusedError as error:
            return refused(error.status, str(error), error.reason)
        finally:
            self._asked.set()

    def _route(self, asked: Asked) -> Reply:
        for pattern, handler in _ROUTES:
            found = re.fullmatch(pattern, f"{asked.method} {asked.path}")
            if found:
                answer = handler(self, asked, *found.groups())
                return answer if isinstance(answer, Reply) else ok(answer or {})
        if asked.method == "GET":
            path = re.sub(f"{_PREFIX}/", "", asked.path)
            if "PartialObjectMetadataList" in asked.headers["accept"]:
                return ok(
                    {
                        "metadata": {"resourceVersion": "1"},
                        "items": self.cluster.objects_at(f"{path}/"),
                    }
                )
            return ok(self.cluster.find(self.cluster.objects, path))
        raise RefusedError(
            405, "MethodNotAllowed", f"{asked.method} {asked.path} is not part of the model"
        )

    def _list(self, kept: dict[str, Any], asked: Asked) -> dict[str, Any]:
        items, version = self.cluster.list_objects(kept, asked.query.get("labelSelector", ""))
        return {"metadata": {"resourceVersion": version}, "items": items}

    def _jobs(self, asked: Asked, namespace: str) -> Reply:
        if "watch" not in asked.query:
            return ok(self._list(self.cluster.namespaces[namespace].jobs, asked))
        selector, version = asked.query["labelSelector"], asked.query["resourceVersion"]
        return Watching(events=self.cluster.follow(namespace, selector, version))

    def _create_job(self, asked: Asked, namespace: str) -> dict[str, Any] | None:
        if "dryRun" in asked.query:
            self.cluster.admit_job(namespace, asked.json)
            return None
        return self.cluster.create_job(namespace, asked.json)

    def _delete_jobs(self, asked: Asked, namespace: str) -> None:
        succeeded_only = asked.query.get("fieldSelector") == "status.successful=1"
        selector = asked.query["labelSelector"]
        self.cluster.delete_jobs(selector, succeeded_only=succeeded_only, namespace=namespace)

    def _delete_job(self, asked: Asked, namespace: str, name: str) -> None:
        self.cluster.delete_job(name, asked.json["preconditions"]["uid"], namespace=namespace)

    def _delete_lease(self, asked: Asked, namespace: str, name: str) -> None:
        self.cluster.delete_lease(namespace, name, asked.json["preconditions"]["uid"])

    def _annotate(self, asked: Asked, node: str) -> None:
        metadata = asked.json["metadata"]
        self.cluster.annotate_node(
            node, metadata["uid"], metadata["annotations"], metadata.get("labels")
        )

    def _patch(self, asked: Asked, path: str) -> None:
        self.cluster.patch_metadata(path, asked.json["metadata"])

    def _log(self, asked: Asked) -> Reply:
        return Reply(body=self.cluster.tail(int(asked.query["tailLines"])).encode())

    def _review(self, asked: Asked) -> dict[str, Any]:
        attributes = asked.json["spec"]["resourceAttributes"]
        return {
            "status": {
                "allowed": f"{attributes['verb']} {attributes['resource']}" not in self.denied
            }
        }


_IN_NAMESPACE = rf"{_PREFIX}/namespaces/([^/]+)"
_ROUTES: list[tuple[str, Callable[..., Any]]] = [
    (rf"GET {_PREFIX}/nodes", lambda s, asked: s._list(s.cluster.nodes, asked)),
    (rf"GET {_PREFIX}/nodes/([^/]+)", lambda s, _, name: s.cluster.find(s.cluster.nodes, name)),
    (rf"PATCH {_PREFIX}/nodes/([^/]+)", lambda s, asked, name: s._annotate(asked, name)),
    (rf"GET {_IN_NAMESPACE}/jobs", lambda s, asked, namespace: s._jobs(asked, namespace)),
    (rf"POST {_IN_NAMESPACE}/jobs", lambda s, asked, namespace: s._create_job(asked, namespace)),
    (rf"DELETE {_IN_NAMESPACE}/jobs", lambda s, asked, namespace: s._delete_jobs(asked, namespace)),
    (rf"DELETE {_IN_NAMESPACE}/jobs/([^/]+)", lambda s, *place: s._delete_job(*place)),
    (
        rf"GET {_IN_NAMESPACE}/pods",
        lambda s, asked, inside: s._list(s.cluster.namespaces[inside].pods, asked),
    ),
    (rf"GET {_IN_NAMESPACE}/pods/[^/]+/log", lambda s, asked, _: s._log(asked)),
    (
        rf"POST {_IN_NAMESPACE}/leases",
        lambda s, asked, namespace: s.cluster.create_lease(namespace, asked.json),
    ),
    (
        rf"GET {_IN_NAMESPACE}/leases/([^/]+)",
        lambda s, _, namespace, name: s.cluster.find(s.cluster.namespaces[namespace].leases, name),
    ),
    (
        rf"PUT {_IN_NAMESPACE}/leases/([^/]+)",
        lambda s, asked, *place: s.cluster.replace_lease(*place, asked.json),
    ),
    (rf"DELETE {_IN_NAMESPACE}/leases/([^/]+)", lambda s, *place: s._delete_lease(*place)),
    (rf"POST {_PREFIX}/selfsubjectaccessreviews", lambda s, asked: s._review(asked)),
    (rf"PATCH {_PREFIX}/(.+)", lambda s, asked, path: s._patch(asked, path)),
]
