"""A process beside a cluster that outlives the command which started it."""

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
    """One Python module run in the background with one argument, which also tells it from other processes."""

    def __init__(self, module: str, argument: Path, folder: Path) -> None:
        self._command = [sys.executable, "-m", module, str(argument)]
        self._file = folder / f"{module}.pid"
        self._log = folder / f"{module}.log"

    def start(self) -> None:
        """Start it unless it runs."""
        if self._pid() is not None:
            return
        # A shell in between: nobody here is left with a child to wait for.
        script = 'log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!'
        answer = subprocess.run(
            ["sh", "-c", script, "sh", str(self._log), *self._command],
            cwd=CHECKOUT,
            capture_output=True,
            text=True,
            check=True,
            start_new_session=True,
        )
        self._file.write_text(answer.stdout.strip(), encoding="utf-8")

    def stop(self) -> None:
        """End it, if it runs, and wait for that.

        Raises:
            SandboxError: it does not end.
        """
        pid = self._pid()
        if pid is not None:
            os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + _SECONDS_TO_END
        while self._pid() is not None:
            if time.monotonic() > deadline:
                raise SandboxError(
                    f"{' '.join(self._command)} (process {pid}) does not end; see {self._log}"
                )
            time.sleep(_POLL_EVERY)
        self._file.unlink(missing_ok=True)

    def _pid(self) -> int | None:
        """Return its id while it runs; a file that is left over may name another process by now."""
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
