"""A registry on loopback that real nodes pull their images from.

`python -m sandbox.real_node.registry PORT-FILE` is one process beside a cluster. It is the pull
part of the OCI distribution specification, over image layouts: manifests by tag or digest, and
blobs. Names are those of the images: a mirror of every registry is asked with `?ns=quay.io`.
"""

import json
import re
import shutil
import sys
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlsplit

from sandbox.errors import SandboxError
from sandbox.helper import Helper
from sandbox.ports import is_free
from sandbox.real_node.images import MANIFEST_TYPE, blob, images_in, layouts

_DIGEST: Final = re.compile("sha256:[0-9a-f]{64}")
_SECONDS_TO_START: Final = 10.0
_POLL_EVERY: Final = 0.05


class Registry:
    """The registry of the cluster with its files in a folder, on that port of loopback."""

    def __init__(self, folder: Path, port: int) -> None:
        self._port = port
        self._port_file = folder / "registry.port"
        self._process = Helper("sandbox.real_node.registry", self._port_file, folder)

    def start(self) -> None:
        """Start it unless it is running; make missing images.

        Raises:
            SandboxError: It does not start, or an image cannot be made.
        """
        layouts()
        self._port_file.write_text(str(self._port), encoding="utf-8")
        self._process.start()
        deadline = time.monotonic() + _SECONDS_TO_START
        while is_free(self._port):
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"the registry does not start; its log is beside {self._port_file}"
                )
            time.sleep(_POLL_EVERY)

    def stop(self) -> None:
        """End it if it is running."""
        self._process.stop()


class Server(ThreadingHTTPServer):
    """Serves image layouts on a port of loopback; 0 means any that is free."""

    def __init__(self, served: Sequence[Path], port: int = 0) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self._layouts = served

    def find(self, path: str, namespace: str) -> tuple[Path, str] | None:
        """Return the file for a path below `/v2/`, and its digest."""
        name, _, reference = path.rpartition("/")
        repository, _, kind = name.rpartition("/")
        if kind == "manifests" and ":" not in reference:
            found = [images_in(layout) for layout in self._layouts]
            image = f"{namespace}/{repository}:{reference}"
            reference = next((images[image] for images in found if image in images), "")
        if not _DIGEST.fullmatch(reference):
            return None
        files = (blob(layout, reference) for layout in self._layouts)
        return next(((file, reference) for file in files if file.is_file()), None)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def do_HEAD(self) -> None:
        self._start_answer()

    def do_GET(self) -> None:
        if file := self._start_answer():
            with file.open("rb") as content:
                shutil.copyfileobj(content, self.wfile)

    def _start_answer(self) -> Path | None:
        """Send everything but the content, and return the file with the content."""
        address = urlsplit(self.path)
        namespace = parse_qs(address.query).get("ns", [""])[0]
        found = self.server.find(address.path.removeprefix("/v2/"), namespace)
        is_root = address.path == "/v2/"
        self.send_response(200 if found or is_root else 404)
        self.send_header("Content-Length", str(found[0].stat().st_size if found else 0))
        if found:
            self.send_header("Docker-Content-Digest", found[1])
            if "/manifests/" in address.path:
                self.send_header("Content-Type", _type(found[0]))
        self.end_headers()
        return found[0] if found else None


def _type(manifest: Path) -> str:
    media_type: str = json.loads(manifest.read_bytes()).get("mediaType", MANIFEST_TYPE)
    return media_type


def main() -> None:
    """Serve all images on the port that the file names, the only argument."""
    with Server(layouts(), int(Path(sys.argv[1]).read_text(encoding="utf-8"))) as server:
        server.serve_forever()


if __name__ == "__main__":
    main()
