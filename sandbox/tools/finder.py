"""Finds tools on PATH, in exactly the pinned version."""

import re
import shutil
import subprocess
from pathlib import Path

from sandbox.tools.catalog import Binary, Tool

_VERSION = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)")
_SECONDS_TO_ANSWER = 20


def version_in(text: str) -> str:
    """Return the first version number in `text` without a leading v; empty if there is none."""
    match = _VERSION.search(text)
    return match[1] if match else ""


def printed_version(command: list[str]) -> str:
    """Return the version a program prints; empty if it cannot be run or prints none."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return version_in(answer.stdout) if answer.returncode == 0 else ""


def find_on_path(tool: Tool, path: str) -> dict[str, Path] | None:
    """Return the paths of all binaries of `tool`; None unless all have the pinned version."""
    found = {}
    for binary in tool.binaries:
        place = shutil.which(binary.name, path=path)
        if place is None or not _is_version(binary, Path(place), tool.version):
            return None
        found[binary.name] = Path(place)
    return found


def _is_version(binary: Binary, place: Path, version: str) -> bool:
    if binary.version_args:
        return printed_version([str(place), *binary.version_args]) == version.removeprefix("v")
    return (place.parent / binary.companion).exists()
