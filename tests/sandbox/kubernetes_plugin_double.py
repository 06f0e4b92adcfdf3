"""A Kubernetes API server and a Pulumi engine small enough for tests of the stand-in plugin."""

import json
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlsplit

import grpc
from google.protobuf.empty_pb2 import Empty

from sandbox.kubernetes_plugin.protocol import engine_pb2, engine_pb2_grpc

Object = dict[str, Any]


class Call(NamedTuple):
    """One request the server got."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


class FakeApiServer:
    """Objects by URL path; `on_watch` runs when a watch is open, so that a test can change the world then."""

    def __init__(self) -> None:
        self.objects: dict[str, Object] = {}
        self.calls: list[Call] = []
        self.refusal: tuple[int, str, str] | None = None
        self.lingering = False
        self.on_watch: Callable[[], None] = lambda: None
        self._watches: list[Queue[Object | None]] = []
        self._uids = 0
        server = self

        class Handler(_Handler):
            api = server

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.method != "GET"]

    def put(self, path: str, manifest: Object) -> Object:
        known = self.objects.get(path)
        self._uids += known is None
        uid = known["metadata"]["uid"] if known else f"uid-{self._uids}"
        generation = {"uid": uid, "generation": 1, "resourceVersion": "1"}
        stored: Object = {**manifest, "metadata": {**manifest["metadata"], **generation}}
        self.objects[path] = stored
        return stored

    def change(self, path: str, **fields: Any) -> None:
        self.objects[path] = {**self.objects[path], **fields}
        self._tell({"type": "MODIFIED", "object": self.objects[path]})

    def remove(self, path: str) -> None:
        self._tell({"type": "DELETED", "object": self.objects.pop(path)})

    def end_watches(self) -> None:
        self._tell(None)

    def _tell(self, event: Object | None) -> None:
        for watch in self._watches:
            watch.put(event)

    @contextmanager
    def watching(self) -> Iterator[Queue[Object | None]]:
        queue: Queue[Object | None] = Queue()
        self._watches.append(queue)
        try:
            yield queue
        finally:
            self._watches.remove(queue)

    @contextmanager
    def running(self) -> Iterator[None]:
        thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield
        finally:
            self.end_watches()
            self._http.shutdown()
            self._http.server_close()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    api: FakeApiServer

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def handle_any(self) -> None:
        url = urlsplit(self.path)
        query = {key: values[0] for key, values in parse_qs(url.query).items()}
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length)) if length else None
        self.api.calls.append(Call(self.command, url.path, query, body))
        if self.api.refusal and self.command != "GET":
            self._answer(self.api.refusal[0], _status(*self.api.refusal))
        elif "watch" in query:
            self._watch()
        else:
            self._answer(*self._outcome(url.path, query, body))

    do_GET = do_POST = do_PATCH = do_DELETE = handle_any  # noqa: N815 - names given by the base class

    def _outcome(self, path: str, query: dict[str, str], body: Any) -> tuple[int, Object]:
        dry_run = "dryRun" in query
        match self.command:
            case "POST":
                path = f"{path}/{body['metadata']['name']}"
                if path in self.api.objects:
                    return 409, _status(409, "AlreadyExists", f'"{body["metadata"]["name"]}" already exists')
                return 201, body if dry_run else self.api.put(path, body)
            case "PATCH":
                if isinstance(body, list):
                    return 200, self.api.objects[path]
                return 200, body if dry_run else self.api.put(path, body)
            case "DELETE" if path in self.api.objects:
                gone = self.api.objects[path]
                if not self.api.lingering:
                    self.api.remove(path)
                return 200, gone
        return self._found(path, query)

    def _found(self, path: str, query: dict[str, str]) -> tuple[int, Object]:
        if path == "/version":
            return 200, {"gitVersion": "v1.36.3"}
        if "fieldSelector" in query:
            item = self.api.objects.get(f"{path}/{query['fieldSelector'].removeprefix('metadata.name=')}")
            return 200, {"metadata": {"resourceVersion": "1"}, "items": [item] if item else []}
        if path in self.api.objects:
            return 200, self.api.objects[path]
        return 404, _status(404, "NotFound", f"{path} not found")

    def _watch(self) -> None:
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        with self.api.watching() as events:
            self.api.on_watch()
            while event := events.get():
                self.wfile.write(json.dumps(event).encode() + b"\n")
                self.wfile.flush()
        self.close_connection = True

    def _answer(self, code: int, content: Object) -> None:
        data = json.dumps(content).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


def _status(code: int, reason: str, message: str) -> Object:
    return {"kind": "Status", "code": code, "reason": reason, "message": message}


class RecordingEngine(engine_pb2_grpc.EngineServicer):
    """Keeps what a plugin logs."""

    def __init__(self) -> None:
        self.messages: Queue[engine_pb2.LogRequest] = Queue()

    def Log(  # noqa: N802 - name given by the protocol
        self,
        request: engine_pb2.LogRequest,
        context: grpc.ServicerContext,  # noqa: ARG002 - given by the protocol
    ) -> Empty:
        self.messages.put(request)
        return Empty()

    @contextmanager
    def running(self) -> Iterator[str]:
        server = grpc.server(ThreadPoolExecutor(max_workers=2))
        engine_pb2_grpc.add_EngineServicer_to_server(self, server)
        port = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"127.0.0.1:{port}"
        finally:
            server.stop(grace=None).wait()
