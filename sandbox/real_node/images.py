"""The images that real nodes pull, as OCI image layouts: a double of the node program, and a shell.

`KATA_SANDBOX_NODE_IMAGES=/path/to/archive` puts other images in their place, such as upstream's
own: what `docker save` or `skopeo copy … oci-archive:` writes.
"""

import hashlib
import io
import json
import os
import platform
import subprocess
import tarfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from sandbox.errors import SandboxError
from sandbox.paths import cache_dir
from sandbox.real_node.base import ensure_base
from sandbox.tools.builder import build, made_once, text_key
from sandbox.tools.catalog import NODE_PROGRAM

ARCHIVE: Final = "KATA_SANDBOX_NODE_IMAGES"
PAUSE: Final = "sandbox.invalid/pause:1"
"""The image of pod sandboxes, which is the double, too: started as `pause`, it only waits."""
NODE_PROGRAM_IMAGE: Final = "quay.io/kata-containers/kata-deploy"
SHELL_IMAGE: Final = "quay.io/kata-containers/kubectl:latest"
"""The image for scripts; ours has busybox, and no kubectl."""
VERSIONS: Final = ("4.0.0", "4.1.0", "4.2.0")
"""The versions of the node program whose command lines the double has."""

MANIFEST_TYPE: Final = "application/vnd.oci.image.manifest.v1+json"
_CONFIG_TYPE: Final = "application/vnd.oci.image.config.v1+json"
_LAYER_TYPE: Final = "application/vnd.oci.image.layer.v1.tar"
_NAMES: Final = ("io.containerd.image.name", "org.opencontainers.image.ref.name")
"""Annotations that may hold the full name of an image."""
_ARCHITECTURES: Final = {"x86_64": "amd64", "aarch64": "arm64"}

Json = dict[str, Any]


def layouts() -> list[Path]:
    """Return the folders with all images; of two images of the same name, the first counts.

    Raises:
        SandboxError: The double cannot be built, or `KATA_SANDBOX_NODE_IMAGES` names no OCI
            archive.
    """
    own = made_once(
        _store() / f"{NODE_PROGRAM.key}-{text_key(Path(__file__).read_text(encoding='utf-8'))}",
        lambda folder: write_layout(folder, node_program(), ensure_base() / "bin/busybox"),
    )
    chosen = os.environ.get(ARCHIVE)
    return [unpacked(Path(chosen)), own] if chosen else [own]


def node_program() -> Path:
    """Return the double, built once.

    Raises:
        SandboxError: It cannot be built.
    """
    folder = made_once(
        cache_dir() / "tools" / NODE_PROGRAM.key, lambda folder: build(NODE_PROGRAM, folder)
    )
    return folder / NODE_PROGRAM.binaries[0].name


def unpacked(archive: Path) -> Path:
    """Return the folder with the content of an archive; it is unpacked once.

    Raises:
        SandboxError: It is no OCI archive.
    """
    try:
        state = archive.stat()
        key = text_key(f"{archive.resolve()} {state.st_mtime_ns} {state.st_size}")
        return made_once(_store() / f"archive-{key}", lambda folder: _unpack(archive, folder))
    except (OSError, tarfile.TarError) as error:
        raise SandboxError(f"{ARCHIVE}={archive} cannot be read: {error}") from error


def images_in(layout: Path) -> dict[str, str]:
    """Return the digest of each image of a layout, by its full name."""
    index = json.loads((layout / "index.json").read_text(encoding="utf-8"))
    return {
        entry["annotations"][name]: entry["digest"]
        for entry in index["manifests"]
        for name in _NAMES
        if name in entry.get("annotations", {})
    }


def blob(layout: Path, digest: str) -> Path:
    """Return the file with the content of that digest."""
    return layout / "blobs" / digest.replace(":", "/")


def write_layout(layout: Path, program: Path, busybox: Path) -> None:
    """Write all images of our own, with these two programs in them."""
    (layout / "blobs" / "sha256").mkdir(parents=True)
    layer = _layer(layout, {"usr/bin/kata-deploy": program, "pause": program})
    configs: dict[str, Json] = {
        f"{NODE_PROGRAM_IMAGE}:{version}": {"Env": [f"KATA_SANDBOX_NODE_PROGRAM={version}"]}
        for version in VERSIONS
    }
    configs[PAUSE] = {"Entrypoint": ["/pause"]}
    images = {name: _image(layout, layer, config) for name, config in configs.items()}
    listed = subprocess.run([busybox, "--list"], capture_output=True, text=True, check=True)
    applets = sorted({*listed.stdout.split()} - {"busybox"})
    shell = _layer(layout, {"bin/busybox": busybox, "bin/flock": program}, applets)
    images[SHELL_IMAGE] = _image(layout, shell, {"Entrypoint": ["/bin/sh"]})
    entries = [image | {"annotations": {_NAMES[0]: name}} for name, image in images.items()]
    index = {"schemaVersion": 2, "manifests": entries}
    (layout / "index.json").write_text(json.dumps(index), encoding="utf-8")


def _image(layout: Path, layer: Json, config: Json) -> Json:
    """Write an image of one layer and return its descriptor."""
    content = {
        "os": "linux",
        "architecture": _ARCHITECTURES.get(platform.machine(), platform.machine()),
        "config": config,
        "rootfs": {"type": "layers", "diff_ids": [layer["digest"]]},
    }
    manifest = {
        "schemaVersion": 2,
        "mediaType": MANIFEST_TYPE,
        "config": _put(layout, _CONFIG_TYPE, json.dumps(content).encode()),
        "layers": [layer],
    }
    return _put(layout, MANIFEST_TYPE, json.dumps(manifest).encode())


def _put(layout: Path, media_type: str, content: bytes) -> Json:
    """Write a blob and return its descriptor."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    blob(layout, digest).write_bytes(content)
    return {"mediaType": media_type, "digest": digest, "size": len(content)}


def _layer(layout: Path, programs: Mapping[str, Path], links: Sequence[str] = ()) -> Json:
    """Write a layer with programs, and links in `/bin` to the busybox there."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, program in programs.items():
            entry = tarfile.TarInfo(name)
            entry.mode, entry.size = 0o755, program.stat().st_size
            with program.open("rb") as content:
                archive.addfile(entry, content)
        for name in links:
            link = tarfile.TarInfo(f"bin/{name}")
            link.type, link.linkname = tarfile.SYMTYPE, "busybox"
            archive.addfile(link)
    return _put(layout, _LAYER_TYPE, buffer.getvalue())


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as content:
        content.extractall(folder, filter="data")
    if not (folder / "index.json").exists():
        raise SandboxError(
            f"{ARCHIVE}={archive} has no index.json: write it with `docker save` (25 or newer) "
            "or `skopeo copy docker-daemon:… oci-archive:…`"
        )


def _store() -> Path:
    return cache_dir() / "images"
