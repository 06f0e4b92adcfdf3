"""The releases of the dispatcher, and which one a container runs."""

from enum import IntEnum
from pathlib import PurePath
from typing import Any

from sandbox.errors import SandboxError


class Release(IntEnum):
    """A release; each one does all that those before it do."""

    CREATES_JOBS = 1
    """`kata-deploy-job-dispatcher` 4.0.0."""
    WORKS_ON_NODES = 2
    """`kata-deploy-job-dispatcher` 4.1.0: labels and checks nodes."""
    REPORTS = 3
    """`k8s-job-dispatcher` 0.3.0: runs on a schedule, too, and records what became of a node."""


def program_of(container: dict[str, Any]) -> str:
    """Return the program in a container with its version, such as `k8s-job-dispatcher:0.3.0`."""
    name = PurePath(container["command"][0]).name
    return f"{name}:{container['image'].rpartition(':')[2]}"


def release_of(program: str) -> Release:
    """Return the release that a program with its version belongs to.

    Raises:
        SandboxError: No image has such a program.
    """
    name, _, version = program.partition(":")
    numbers = tuple(int(part) for part in version.split(".")[:2] if part.isdigit())
    if name == "k8s-job-dispatcher" and (0, 3) <= numbers < (1,):
        return Release.REPORTS
    if name == "kata-deploy-job-dispatcher" and (4,) < numbers < (4, 2):
        return Release.WORKS_ON_NODES if numbers >= (4, 1) else Release.CREATES_JOBS
    raise SandboxError(f"there is no {program}")
