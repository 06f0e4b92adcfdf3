"""What a dispatcher does about the Jobs of other runs with its name prefix (contract D36).

From 0.3.0 on it may stand aside for a run that is at work. It knows other runs by the owners of
their per-node Jobs: those of a run without an owner look like leftovers.
"""

import time
from typing import Any

from sandbox.errors import RefusedError, SandboxError
from sandbox.kube import Kube

_TRIES = 30
_NOT_FOUND = 404

Manifest = dict[str, Any]


class OtherRuns:
    """The per-node Jobs in the collection at `path` that an owner does not own."""

    def __init__(self, kube: Kube, path: str, selector: str, owner: Manifest) -> None:
        self._kube = kube
        self._path = path
        self._selector = selector
        self._owner = owner

    def at_work(self) -> str:
        """Return the name of a Job that owns some of them and has not ended, if there is one."""
        for name in sorted({str(o["name"]) for job in self._jobs() for o in _owners(job)}):
            owner = self._found(name)
            if owner and not _is_finished(owner):
                return name
        return ""

    def sweep(self, poll_seconds: float) -> None:
        """Delete them, running or not, and wait until they are gone with their pods.

        Raises:
            SandboxError: They do not go.
        """
        left = [f"{self._path}/{job['metadata']['name']}" for job in self._jobs()]
        for path in left:
            self._kube.delete(f"{path}?propagationPolicy=Foreground")
        for _ in range(_TRIES):
            if not self._jobs():
                return
            time.sleep(poll_seconds)
        raise SandboxError(f"{len(left)} Jobs of an earlier run do not go")

    def _jobs(self) -> list[Manifest]:
        jobs = self._kube.get(self._path, labelSelector=self._selector)["items"]
        uid = self._owner["uid"]
        return [job for job in jobs if uid not in {owner["uid"] for owner in _owners(job)}]

    def _found(self, name: str) -> Manifest | None:
        try:
            return self._kube.get(f"{self._path}/{name}")
        except RefusedError as error:
            if error.status != _NOT_FOUND:
                raise
            return None


def _is_finished(job: Manifest) -> bool:
    """Return whether a Job has ended."""
    conditions = job.get("status", {}).get("conditions", [])
    return any(
        condition["status"] == "True" and condition["type"] in {"Complete", "Failed"}
        for condition in conditions
    )


def _owners(job: Manifest) -> list[Manifest]:
    owners: list[Manifest] = job["metadata"].get("ownerReferences", [])
    return [owner for owner in owners if owner["kind"] == "Job"]
