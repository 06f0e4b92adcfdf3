"""The cgroups of a node, in each hierarchy of the machine: v1, hybrid or v2.

Whatever runs on the node is in one of them or below, which is how it is found and killed, even if
nothing that started it is left.
"""

import os
import secrets
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from sandbox.errors import SandboxError

_CPUSET = ("cpuset.cpus", "cpuset.mems")
"""Empty in a new cgroup of v1, which can then hold no process."""

_ENTER = """
    for cgroup in $0; do echo $$ > "$cgroup/cgroup.procs"; done
    exec "$@"
"""
_SECONDS_TO_DIE = 10.0
_POLL_EVERY = 0.02


def is_unified() -> bool:
    """Return whether there is no hierarchy of v1."""
    return all(kind == "cgroup2" for _, kind in _hierarchies())


def entering(name: str) -> list[str]:
    """Return the words that, before a command, run it in new cgroups of that name.

    With v2 alone, they belong to systemd: a hierarchy has one owner, which gives controllers away.
    """
    if is_unified():
        unit = f"--unit={name}-{secrets.token_hex(4)}"
        return ["systemd-run", "--scope", "--quiet", "--collect", "--property=Delegate=yes", unit]
    made = [hierarchy / name for hierarchy, _ in _hierarchies()]
    for cgroup in made:
        cgroup.mkdir()
        for file in _CPUSET:
            if (cgroup / file).exists():
                (cgroup / file).write_text((cgroup.parent / file).read_text("utf-8"), "utf-8")
    return ["sh", "-c", _ENTER, " ".join(map(str, made))]


def _hierarchies() -> list[tuple[Path, str]]:
    """Return where the hierarchies are mounted, and the types of their file systems."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text("utf-8").splitlines()]
    return [(Path(where), kind) for _, where, kind, *_ in mounts if kind in {"cgroup", "cgroup2"}]


def _existing(name: str) -> list[Path]:
    pattern = f"system.slice/{name}-*.scope" if is_unified() else name
    return [found for hierarchy, _ in _hierarchies() for found in hierarchy.glob(pattern)]


def remove(name: str) -> None:
    """Kill whatever is in these cgroups, and remove them.

    Raises:
        SandboxError: A process does not die.
    """
    deadline = time.monotonic() + _SECONDS_TO_DIE
    while left := _existing(name):
        for cgroup in left:
            for below in _depth_first(cgroup):
                for process in _processes(below):
                    with suppress(ProcessLookupError):
                        os.kill(process, signal.SIGKILL)
                # Busy until its last process is gone.
                with suppress(OSError):
                    below.rmdir()
        if time.monotonic() > deadline:
            raise SandboxError(f"{left[0]} cannot be removed: a process in it does not die")
        time.sleep(_POLL_EVERY)


def init(name: str) -> int | None:
    """Return the first process of the container in these cgroups, None if there is none."""
    for cgroup in _existing(name):
        for below in _depth_first(cgroup):
            for process in _processes(below):
                if _ids(process)[1:] == ["1"]:
                    return process
    return None


def _depth_first(cgroup: Path) -> Iterator[Path]:
    for folder, _, _ in os.walk(cgroup, topdown=False):
        yield Path(folder)


def _processes(cgroup: Path) -> list[int]:
    # A cgroup may vanish meanwhile.
    with suppress(OSError):
        return [int(line) for line in (cgroup / "cgroup.procs").read_text("utf-8").split()]
    return []


def _ids(process: int) -> list[str]:
    """Return the IDs of a process, from the outermost PID namespace to its own."""
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text("utf-8").splitlines():
            if line.startswith("NSpid:"):
                return line.split()[1:]
    return []
