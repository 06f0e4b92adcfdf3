"""Builds tools into the cache: each once, completely or not at all, safe for parallel processes.

A build goes to a temporary folder that is renamed when complete, so an interrupted one leaves
nothing that looks finished. A file lock makes a second process wait for the first and then use its
result.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO

from sandbox.errors import SandboxError
from sandbox.locks import locked
from sandbox.tools.catalog import PULUMI_SCRIPTS, PULUMI_SDK, TOOLS
from sandbox.tools.golang import find_go, go_environment
from sandbox.tools.messages import say
from sandbox.tools.tool import Tool

_REPORT_EVERY = 30.0
_ERROR_LINES = 30


def made_once(directory: Path, make: Callable[[Path], None]) -> Path:
    """Return `directory`; if it does not exist, `make` fills a temporary folder that becomes it."""
    if directory.exists():
        return directory
    directory.parent.mkdir(parents=True, exist_ok=True)
    with locked(
        lock_of(directory),
        on_wait=lambda: say(f"waiting for another process to make {directory.name}"),
    ):
        if directory.exists():
            return directory
        with tempfile.TemporaryDirectory(
            prefix=f".{directory.name}-", dir=directory.parent
        ) as temporary:
            content = Path(temporary) / "content"
            content.mkdir()
            make(content)
            content.rename(directory)
    return directory


def lock_of(directory: Path) -> Path:
    """Return the lock file of the process that makes `directory`."""
    return directory.with_name(f".{directory.name}.lock")


def text_key(text: str) -> str:
    """Return a short name for a folder whose content depends on `text` alone."""
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def build(tool: Tool, directory: Path) -> None:
    """Build all binaries of `tool` into `directory`.

    Raises:
        SandboxError: The build failed; the text ends with the last lines of its output.
    """
    say(f"building {tool.names} {tool.version}, about {tool.minutes:g} min on 2 cores ...")
    packages = [binary.package for binary in tool.binaries]
    # With several packages the target is a folder and their paths name the binaries; a single one
    # can have another name.
    target = f"{directory}/" if len(packages) > 1 else str(directory / tool.binaries[0].name)
    command = [str(find_go()), "build", "-v", *tool.build_flags, "-o", target, *packages]
    started = time.monotonic()
    with tempfile.TemporaryFile("a+") as output:
        with subprocess.Popen(
            command,
            cwd=tool.directory,
            env=go_environment(),
            stdout=output,
            stderr=subprocess.STDOUT,
        ) as process:
            code = _wait(process, output, started)
        if code != 0:
            output.seek(0)
            tail = "".join(output.readlines()[-_ERROR_LINES:])
            raise SandboxError(
                f"building {tool.names} {tool.version} failed (exit code {code}):\n{tail}"
            )
    say(f"built {tool.names} in {_elapsed(started)}")


def _wait(process: subprocess.Popen[bytes], output: IO[str], started: float) -> int:
    try:
        while True:
            try:
                return process.wait(timeout=_REPORT_EVERY)
            except subprocess.TimeoutExpired:
                say(f"  still building, {_elapsed(started)}: {_last_line(output)}")
    except BaseException:
        process.kill()
        raise


def _last_line(output: IO[str]) -> str:
    """Return what Go does now: the module it downloads, or the package it compiles."""
    output.seek(0)
    return output.read().rstrip().rpartition("\n")[2]


def _elapsed(started: float) -> str:
    minutes, seconds = divmod(round(time.monotonic() - started), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def copy_pulumi_scripts(directory: Path) -> None:
    """Copy the scripts with which the Pulumi CLI starts Python from its SDK's source.

    Raises:
        SandboxError: Go cannot provide the module.
    """
    pulumi = next(tool for tool in TOOLS if tool.module == "pulumi")
    command = [str(find_go()), "mod", "download", "-json", PULUMI_SDK]
    answer = subprocess.run(
        command,
        cwd=pulumi.directory,
        env=go_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise SandboxError(
            f"the source of {PULUMI_SDK} is not available:\n{answer.stderr or answer.stdout}"
        )
    source = Path(json.loads(answer.stdout)["Dir"])
    for script in PULUMI_SCRIPTS:
        copy = directory / Path(script).name
        shutil.copyfile(source / script, copy)
        copy.chmod(0o755)
