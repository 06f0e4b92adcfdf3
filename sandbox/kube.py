"""A few plain calls on the local cluster's API server, enough to make nodes and change them.

Not the product's client: the sandbox must not depend on what it is there to test.
"""

import ssl
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import yaml

from sandbox.errors import RefusedError, SandboxError

_PARALLEL = 16
_SECONDS_TO_ANSWER = 30.0
_FIELD_MANAGER = "sandbox"

Manifest = dict[str, Any]


class Kube:
    """A connection with one identity; a context manager. An answer that is an error raises `SandboxError`."""

    def __init__(self, server: str, certificate_authority: str, token: str) -> None:
        self._client = httpx2.Client(
            base_url=server,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "sandbox"},
            verify=ssl.create_default_context(cafile=certificate_authority),
            timeout=_SECONDS_TO_ANSWER,
            trust_env=False,  # a proxy of the environment cannot reach this machine's own cluster
        )

    @classmethod
    def of_kubeconfig(cls, path: Path) -> "Kube":
        """Return a connection as the current context of a kubeconfig says; it has a token."""
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        token = _named(config["users"], context["user"])["user"]["token"]
        return cls(cluster["server"], cluster["certificate-authority"], token)

    def __enter__(self) -> "Kube":
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, path: str, **params: str) -> Manifest:
        """Return the object or list at `path`."""
        return self._call("GET", path, params=params)

    def create(self, path: str, manifest: Manifest, **params: str) -> Manifest:
        """Create an object in the collection at `path`."""
        return self._call("POST", path, json=manifest, params=params)

    def delete(self, path: str) -> None:
        """Delete the object or all of the collection at `path`, without waiting for what depends on it."""
        self._call("DELETE", path)

    def merge(self, path: str, patch: Manifest) -> Manifest:
        """Merge `patch` into the object at `path`; None removes a key."""
        return self._call("PATCH", path, json=patch, headers={"Content-Type": "application/merge-patch+json"})

    def apply(self, path: str, manifest: Manifest) -> Manifest:
        """Make the object at `path` what the manifest says (server-side apply)."""
        headers = {"Content-Type": "application/apply-patch+yaml"}
        params = {"fieldManager": _FIELD_MANAGER, "force": "true"}
        return self._call("PATCH", path, json=manifest, headers=headers, params=params)

    def answers(self, path: str = "/readyz") -> bool:
        """Return whether the server answers `path` with success now."""
        try:
            return self._client.get(path).is_success
        except httpx2.HTTPError:
            return False

    def _call(self, method: str, path: str, **arguments: Any) -> Manifest:  # noqa: ANN401 - passed on as it is
        try:
            answer = self._client.request(method, path, **arguments)
        except httpx2.HTTPError as error:
            raise SandboxError(f"no answer from the local cluster to {method} {path}: {error}") from error
        if not answer.is_success:
            message = f"the local cluster refused {method} {path}: {answer.status_code} {answer.text.strip()}"
            raise RefusedError(answer.status_code, message)
        result: Manifest = answer.json()
        return result


def _named(entries: Iterable[Manifest], name: str) -> Manifest:
    return next(entry for entry in entries if entry["name"] == name)


def in_parallel(action: Callable[[Any], object], items: Iterable[Any]) -> None:
    """Run `action` for all items, several at once; the first error is raised when all have ended."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for _ in pool.map(action, items):
            pass
