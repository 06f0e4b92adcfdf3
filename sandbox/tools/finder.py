"""Finds tools on PATH, in versions that will do."""

import shutil
import subprocess
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from sandbox.tools.tool import Binary, Tool
from sandbox.tools.versions import version_in

_SECONDS_TO_ANSWER = 20


class Seen(NamedTuple):
    """What there is of a binary."""

    place: Path | None
    version: str
    """Empty if it cannot be run or prints none."""
    will_do: bool


@cache
def printed_version(*command: str) -> str:
    """Return the version a program prints; empty if it cannot be run or prints none."""
    try:
        answer = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS_TO_ANSWER, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return version_in(answer.stdout) if answer.returncode == 0 else ""


def find_on_path(tool: Tool, path: str, others: Mapping[str, Path]) -> dict[str, Path]:
    """Return the paths of the binaries that will do; `others` are those of other tools in use."""
    seen = {binary.name: look_up(tool, binary, path, others) for binary in tool.binaries}
    return {name: found.place for name, found in seen.items() if found.place and found.will_do}


def look_up(tool: Tool, binary: Binary, path: str, others: Mapping[str, Path]) -> Seen:
    """Return the first of that name on PATH, or the one beside its companion."""
    if binary.companion:
        companion = others.get(binary.companion)
        place = companion.resolve().parent / binary.name if companion else None
        return Seen(place, "", True) if place and place.exists() else Seen(None, "", False)
    found = shutil.which(binary.name, path=path)
    if found is None:
        return Seen(None, "", False)
    version = printed_version(found, *binary.version_args)
    return Seen(Path(found), version, version in tool.will_do(binary))
