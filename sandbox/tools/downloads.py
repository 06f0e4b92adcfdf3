"""Downloads tools that are published ready to run, where their sites can be reached.

A download is compared with the SHA-256 that the same site publishes, so a broken one is noticed;
that it is the right site is left to TLS.
"""

import hashlib
import platform
import shutil
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import IO, NamedTuple
from urllib.request import Request, urlopen

from sandbox.tools.messages import say
from sandbox.tools.tool import Tool

_SECONDS_WITHOUT_A_BYTE = 10.0
_REPORT_EVERY = 10.0
_CHUNK = 1 << 20
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}


class _File(NamedTuple):
    url: str
    sums: str
    programs: tuple[str, ...]
    """The binary that it is, or the programs to take from the archive."""


def sizes(tools: Sequence[Tool]) -> dict[str, int]:
    """Return how many bytes can be downloaded for each tool, by module; 0: it has to be built."""
    with ThreadPoolExecutor() as pool:
        return dict(zip((tool.module for tool in tools), pool.map(_size, tools), strict=True))


def _size(tool: Tool) -> int:
    try:
        return sum(_length(file.url) for file in _files(tool))
    except (OSError, HTTPException):
        return 0


def download(tool: Tool, directory: Path) -> bool:
    """Put all programs of `tool` into the empty `directory`, or none: return False and say why."""
    try:
        for file in _files(tool):
            _install(file, directory)
    except (OSError, HTTPException, tarfile.TarError) as error:
        say(f"{tool.names} cannot be downloaded: {getattr(error, 'reason', error)}")
        for path in directory.iterdir():
            path.unlink()
    return any(directory.iterdir())


def _files(tool: Tool) -> Iterator[_File]:
    if tool.release is None:
        return
    machine = platform.machine()
    arch = _ARCHITECTURES.get(machine, machine)
    known = {
        "version": tool.version,
        "os": sys.platform,
        "arch": arch,
        "x64": "x64" if arch == "amd64" else arch,
    }
    url, sums, others = tool.release.url, tool.release.sums, tool.release.others
    names = [binary.name for binary in tool.binaries]
    if "{name}" in url:
        for name in names:
            own = known | {"name": name}
            yield _File(url.format(**own), sums.format(**own), (name,))
    else:
        yield _File(url.format(**known), sums.format(**known), (*names, *others))


def _open(url: str, method: str = "GET") -> HTTPResponse:
    request = Request(url, method=method)  # noqa: S310 the catalog has no other than https
    answer: HTTPResponse = urlopen(request, timeout=_SECONDS_WITHOUT_A_BYTE)  # noqa: S310 as above
    return answer


def _length(url: str) -> int:
    with _open(url, "HEAD") as answer:
        return int(answer.headers["Content-Length"])


def _install(file: _File, directory: Path) -> None:
    with tempfile.TemporaryFile() as content:
        _fetch(file, content)
        content.seek(0)
        if file.url.endswith(".tar.gz"):
            _extract(content, file, directory)
        else:
            _write(content, directory / file.programs[0])


def _fetch(file: _File, content: "IO[bytes]") -> None:
    digest = hashlib.sha256()
    name = file.url.rsplit("/", 1)[-1]
    with _open(file.sums) as answer:
        expected = _sum_of(name, answer.read().decode())
    with _open(file.url) as answer:
        total = int(answer.headers["Content-Length"])
        say(f"downloading {name}, {total / 1e6:,.0f} MB ...")
        reported = time.monotonic()
        while chunk := answer.read(_CHUNK):
            content.write(chunk)
            digest.update(chunk)
            if time.monotonic() > reported + _REPORT_EVERY:
                reported = time.monotonic()
                say(f"  still downloading: {content.tell() / 1e6:,.0f} of {total / 1e6:,.0f} MB")
    if digest.hexdigest() != expected:
        raise OSError(f"{file.url} is not what {file.sums} promises")


def _sum_of(name: str, text: str) -> str:
    """Return the sum of a file from a list of "SUM  NAME" lines, or from a text that is the sum."""
    for line in text.splitlines():
        found, *named = line.split()
        if not named or named[0].removeprefix("*") == name:
            return found
    raise OSError(f"no SHA-256 of {name} is published")


def _extract(content: "IO[bytes]", file: _File, directory: Path) -> None:
    wanted = set(file.programs)
    with tarfile.open(fileobj=content) as archive:
        for member in archive:
            name = Path(member.name).name
            program = archive.extractfile(member) if name in wanted else None
            if program:
                _write(program, directory / name)
                wanted.remove(name)
    if wanted:
        raise OSError(f"{file.url} has no {', '.join(sorted(wanted))}")


def _write(program: "IO[bytes]", place: Path) -> None:
    with place.open("wb") as target:
        shutil.copyfileobj(program, target)
    place.chmod(0o755)
