"""The machine: Python and its packages, other commands, disk space, the cache."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from sandbox.doctor.finding import Finding, Mark
from sandbox.paths import CHECKOUT

_BYTES_TO_BUILD = 15_000_000_000
_BYTES_TO_RUN = 1_500_000_000


def machine_findings(cache: Path, builds: bool) -> list[Finding]:
    """Look at what `make up` needs of the machine, with room to build or without."""
    return [*_python(), *_commands(), _disk(cache, builds), _cache(cache)]


def _python() -> Iterator[Finding]:
    yield Finding(Mark.OK, "python", f"{platform.python_version()}, {sys.executable}")
    if (CHECKOUT / ".venv" / ".runtime").exists():
        yield Finding(Mark.OK, "packages", "in .venv")
    elif importlib.util.find_spec("ensurepip"):
        yield Finding(Mark.GET, "packages", "pip installs them into .venv, about 1 min")
    else:
        text = "this Python makes no virtual environments: install python3.11-venv"
        yield Finding(Mark.FIX, "packages", text)


def _commands() -> Iterator[Finding]:
    place = shutil.which("ps")
    if place:
        yield Finding(Mark.OK, "ps", place)
    else:
        yield Finding(Mark.FIX, "ps", "is not on PATH: install procps")


def _disk(cache: Path, builds: bool) -> Finding:
    there = next(folder for folder in (cache, *cache.parents) if folder.exists())
    free, needed = shutil.disk_usage(there).free, _BYTES_TO_BUILD if builds else _BYTES_TO_RUN
    text = f"{_gigabytes(free)} free at {there}"
    if free >= needed:
        return Finding(Mark.OK, "disk", text)
    wish = f"{_gigabytes(needed)} needed: make room, or set KATA_SANDBOX_CACHE to a larger disk"
    return Finding(Mark.FIX, "disk", f"{text}, {wish}")


def _cache(cache: Path) -> Finding:
    if not cache.exists():
        return Finding(Mark.OK, "cache", f"{cache}, empty")
    for folder in (cache, *cache.glob("*/"), *cache.glob("*/*/")):
        if not os.access(folder, os.W_OK):
            text = (
                f"{folder} belongs to user {folder.stat().st_uid}: sudo chown -R $(id -u) {folder}"
                ", or set KATA_SANDBOX_CACHE to a folder of yours"
            )
            return Finding(Mark.FIX, "cache", text)
    size = _gigabytes(_size(cache))
    return Finding(Mark.OK, "cache", f"{size} in {cache}; `make clean`, then rm -rf, frees them")


def _size(folder: Path) -> int:
    """Return the bytes of all files below a folder, each once however many names it has."""
    files: dict[int, int] = {}
    for directory, _, names in os.walk(folder):
        for name in names:
            try:
                found = os.lstat(os.path.join(directory, name))  # noqa: PTH118 thousands of files
            except FileNotFoundError:
                continue
            files[found.st_ino] = found.st_size
    return sum(files.values())


def _gigabytes(size: int) -> str:
    return f"{size / 1e9:.1f} GB"
