"""A process beside a cluster that outlives the command that started it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT

_SECONDS_TO_END = 10.0
_POLL_EVERY = 0.05


class Helper:
    """A Python module that runs in the background with one argument, by which it is recognised."""

    def __init__(self, module: str, argument: Path, folder: Path) -> None:
        self._command = [sys.executable, "-m", module, str(argument)]
        self._file = folder / f"{module}.pid"
        self.log = folder / f"{module}.log"
        """What it prints, in all its runs."""

    def start(self) -> None:
        """Start it unless it is running."""
        if self.runs():
            return
        # Started by a shell that exits: a child of this process would stay a zombie when it ends.
        script = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
        answer = subprocess.run(
            ["sh", "-c", script, "sh", str(self.log), *self._command],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
            start_new_session=True,
        )
        self._file.write_text(answer.stdout.strip(), encoding="utf-8")

    def stop(self) -> None:
        """Terminate it if it is running, and wait for its end.

        Raises:
            SandboxError: It does not end.
        """
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_END
        while self.runs():
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{' '.join(self._command)} (process {pid}) does not end; see {self.log}"
                )
            time.sleep(_POLL_EVERY)
        self._file.unlink(missing_ok=True)

    def runs(self) -> bool:
        """Return whether it is running."""
        return self._pid() is not None

    def _pid(self) -> int | None:
        """Return its ID while it runs; a leftover file may name another process."""
        if not self._file.exists():
            return None
        pid = int(self._file.read_text(encoding="utf-8"))
        answer = subprocess.run(
            ["ps", "-ww", "-o", "stat=,args=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        ).stdout.strip()
        state, _, arguments = answer.partition(" ")
        runs = not state.startswith("Z") and " ".join(self._command[1:]) in arguments
        return pid if runs else None
