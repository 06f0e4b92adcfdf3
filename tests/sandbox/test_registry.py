"""The registry of real nodes, asked as containerd asks a mirror."""

import hashlib
import json
import tarfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3

from sandbox.errors import SandboxError
from sandbox.ports import is_free
from sandbox.real_node import images
from sandbox.real_node.obstacle import obstacle
from sandbox.real_node.registry import Registry, Server

PROGRAM = b"the node program"
REPOSITORY = "kata-containers/kata-deploy"


def written(layout: Path, program: bytes = PROGRAM) -> Path:
    """Return the folder of a new layout, whose images have this program and a small shell."""
    layout.mkdir()
    (layout / "program").write_bytes(program)
    busybox = layout / "busybox"
    busybox.write_text("#!/bin/sh\necho sh cat busybox\n")
    busybox.chmod(0o755)
    images.write_layout(layout, layout / "program", busybox)
    return layout


@pytest.fixture
def layout(tmp_path: Path) -> Path:
    return written(tmp_path / "layout")


@pytest.fixture
def registry(layout: Path) -> Iterator[str]:
    with Server([layout]) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/v2/"
        server.shutdown()


def ask(address: str, method: str = "GET") -> urllib3.BaseHTTPResponse:
    with urllib3.PoolManager() as pool:
        return pool.request(method, address)


def answered(address: str) -> Any:
    return json.loads(ask(address).data)


def test_an_image_is_pulled_by_its_tag(registry: str) -> None:
    assert ask(registry).status == 200
    by_tag = f"{registry}{REPOSITORY}/manifests/4.1.0?ns=quay.io"
    head = ask(by_tag, "HEAD")
    assert head.headers["Content-Type"] == images.MANIFEST_TYPE
    digest = head.headers["Docker-Content-Digest"]
    content = ask(f"{registry}{REPOSITORY}/manifests/{digest}?ns=quay.io").data
    assert digest == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert int(head.headers["Content-Length"]) == len(content)

    manifest = json.loads(content)
    blobs = f"{registry}{REPOSITORY}/blobs/"
    config = answered(f"{blobs}{manifest['config']['digest']}")
    assert config["config"]["Env"] == ["KATA_SANDBOX_NODE_PROGRAM=4.1.0"]
    layer = ask(f"{blobs}{manifest['layers'][0]['digest']}").data
    assert PROGRAM in layer


def test_links_of_the_shell_lead_to_it(layout: Path) -> None:
    manifest = json.loads(
        images.blob(layout, images.images_in(layout)[images.SHELL_IMAGE]).read_bytes()
    )
    with tarfile.open(images.blob(layout, manifest["layers"][0]["digest"])) as layer:
        links = {entry.name: entry.linkname for entry in layer if entry.issym()}
    assert links == {"bin/sh": "busybox", "bin/cat": "busybox"}


@pytest.mark.parametrize(
    "path",
    [
        f"{REPOSITORY}/manifests/4.9.9?ns=quay.io",
        f"{REPOSITORY}/manifests/4.1.0?ns=docker.io",
        f"{REPOSITORY}/blobs/sha256:{'0' * 64}?ns=quay.io",
        f"{REPOSITORY}/blobs/sha256:..:..:index.json?ns=quay.io",
    ],
)
def test_what_is_not_there_is_not_found(registry: str, path: str) -> None:
    assert ask(f"{registry}{path}").status == 404


def test_images_of_an_archive_take_the_place_of_ours(
    layout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written(tmp_path / "upstream", b"upstream's program")
    with tarfile.open(tmp_path / "archive.tar", "w") as archive:
        archive.add(tmp_path / "upstream", ".")
    monkeypatch.setenv("KATA_SANDBOX_CACHE", str(tmp_path / "cache"))
    unpacked = images.unpacked(tmp_path / "archive.tar")
    assert images.images_in(unpacked) == images.images_in(tmp_path / "upstream")
    with Server([unpacked, layout]) as server:
        found = server.find(f"{REPOSITORY}/manifests/4.1.0", "quay.io")
    assert found
    assert found[0].is_relative_to(unpacked)


def test_an_archive_without_an_index_is_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "archive.tar", "w") as archive:
        archive.add(__file__, "manifest.json")
    with pytest.raises(SandboxError, match=r"archive\.tar has no index\.json: write it with"):
        images.unpacked(tmp_path / "archive.tar")


@pytest.mark.real_node
@pytest.mark.skipif(bool(obstacle()), reason=obstacle())
def test_it_runs_beside_a_cluster(tmp_path: Path) -> None:
    with Server([]) as server:
        port = server.server_port
    registry = Registry(tmp_path, port)
    registry.start()
    registry.start()
    try:
        assert ask(f"http://127.0.0.1:{port}/v2/").status == 200
    finally:
        registry.stop()
    assert is_free(port)
