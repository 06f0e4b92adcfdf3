"""Tools that are published ready to run, from a site on this machine."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from sandbox.tools.announcement import announced
from sandbox.tools.catalog import TOOLS
from sandbox.tools.downloads import download, sizes
from sandbox.tools.tool import Binary, Release, Tool

KUBERNETES, PULUMI, HOST = (
    next(tool for tool in TOOLS if tool.module == module)
    for module in ("kubernetes", "pulumi", "pulumi-language-python")
)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def site(tmp_path: Path) -> Iterator[str]:
    """The URL of a site that publishes the folder `site`."""
    (tmp_path / "site").mkdir()
    handler = partial(Quiet, directory=str(tmp_path / "site"))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def publish(tmp_path: Path) -> Callable[[str, bytes], None]:
    """Put a file onto the site, and its SHA-256 beside it."""

    def put(name: str, content: bytes) -> None:
        (tmp_path / "site" / name).write_bytes(content)
        (tmp_path / "site" / f"{name}.sha256").write_text(hashlib.sha256(content).hexdigest())

    return put


@pytest.fixture
def target(tmp_path: Path) -> Path:
    folder = tmp_path / "target"
    folder.mkdir()
    return folder


def single(site: str, *names: str) -> Tool:
    """A tool whose binaries are published one by one."""
    binaries = tuple(Binary(name, "") for name in names)
    release = Release(f"{site}/{{name}}", f"{site}/{{name}}.sha256")
    return Tool("tool", "v1.0", 1, binaries, release=release)


def archive(*names: str) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz") as file:
        for name in names:
            entry = tarfile.TarInfo(f"tool-v1.0/{name}")
            entry.size = len(name)
            file.addfile(entry, io.BytesIO(name.encode()))
    return content.getvalue()


def content(target: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(target.iterdir())}


def test_binaries_are_downloaded_one_by_one(
    site: str, publish: Callable[[str, bytes], None], target: Path
) -> None:
    publish("one", b"first")
    publish("two", b"second")
    tool = single(site, "one", "two")
    assert sizes([tool]) == {"tool": len("first") + len("second")}
    assert download(tool, target)
    assert content(target) == {"one": "first", "two": "second"}
    assert (target / "one").stat().st_mode & 0o777 == 0o755


def test_the_programs_are_taken_out_of_an_archive(
    site: str, publish: Callable[[str, bytes], None], target: Path, tmp_path: Path
) -> None:
    packed = archive("tool", "script", "LICENSE")
    publish("tool.tar.gz", packed)
    sums = f"0123  other.tar.gz\n{hashlib.sha256(packed).hexdigest()}  tool.tar.gz\n"
    (tmp_path / "site" / "SHA256SUMS").write_text(sums, encoding="utf-8")
    release = Release(f"{site}/tool.tar.gz", f"{site}/SHA256SUMS", ("script",))
    assert download(replace(single(site, "tool"), release=release), target)
    assert content(target) == {"script": "script", "tool": "tool"}


def test_a_download_with_another_sum_is_refused_whole(
    site: str,
    publish: Callable[[str, bytes], None],
    target: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    publish("one", b"first")
    publish("two", b"second")
    (tmp_path / "site" / "two").write_bytes(b"forged")
    assert not download(single(site, "one", "two"), target)
    assert content(target) == {}
    assert f"{site}/two is not what {site}/two.sha256 promises" in capsys.readouterr().err


def test_an_archive_without_the_program_is_refused(
    site: str, publish: Callable[[str, bytes], None], target: Path
) -> None:
    publish("tool.tar.gz", archive("another"))
    release = Release(f"{site}/tool.tar.gz", f"{site}/tool.tar.gz.sha256")
    assert not download(replace(single(site, "tool"), release=release), target)
    assert content(target) == {}


@pytest.mark.parametrize("url", ["{site}/absent", "http://127.0.0.1:1/absent"])
def test_what_cannot_be_reached_is_neither_sized_nor_downloaded(
    url: str, site: str, target: Path
) -> None:
    tool = replace(single(site, "tool"), release=Release(url.format(site=site), f"{site}/sums"))
    assert sizes([tool]) == {"tool": 0}
    assert not download(tool, target)


def test_the_announcement_says_what_is_needed_in_which_version_and_what_it_costs() -> None:
    found = {"kubernetes": 0, "pulumi": 123_400_000, "pulumi-language-python": 0}
    assert announced([KUBERNETES, PULUMI, HOST], found, "/cache").split("\n")[1:6] == [
        "  build, 8 min       kube-apiserver, kube-controller-manager, kube-scheduler 1.36; "
        "kubectl 1.35 to 1.37",
        "  download 123 MB    pulumi 3.219 or newer",
        "  comes with pulumi  pulumi-language-python",
        "That is 123 MB to download and about 8 minutes to build on 2 cores, this once: they stay "
        "in",
        "/cache. Nothing can be downloaded from dl.k8s.io.",
    ]
