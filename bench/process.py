"""CPU seconds and peak memory of a stack's provider process, read from /proc while it runs."""

import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

_EVERY_SECONDS: Final = 0.1
_TICKS: Final = os.sysconf("SC_CLK_TCK")


class Usage(NamedTuple):
    """CPU seconds in user and system mode, and the largest resident size in MB."""

    cpu_seconds: float = 0.0
    peak_mb: float = 0.0


def watch(backend: str, done: threading.Event) -> Usage:
    """Watch the provider processes of the stack with that backend; return the peaks on `done`."""
    largest = Usage()
    while not done.wait(_EVERY_SECONDS):
        for process in _providers(backend):
            used = usage(process)
            largest = Usage(
                max(largest.cpu_seconds, used.cpu_seconds), max(largest.peak_mb, used.peak_mb)
            )
    return largest


def _providers(backend: str) -> Iterator[Path]:
    for process in Path("/proc").iterdir():
        if not process.name.isdigit():
            continue
        try:
            command, environment = (
                (process / name).read_bytes() for name in ("cmdline", "environ")
            )
        except OSError:
            continue  # it has ended, or belongs to another user
        if b"pulumi.dynamic" in command and backend.encode() in environment:
            yield process


def usage(process: Path) -> Usage:
    """Return what the process with that folder in /proc has used so far."""
    try:
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        status = (process / "status").read_text()
    except OSError:
        return Usage()  # it has ended
    peak = next((line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")), "0")
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS, int(peak) / 1024)
