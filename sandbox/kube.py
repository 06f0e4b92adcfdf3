"""A few plain calls on the local cluster's API server, enough to create and change nodes.

Not the product's client: the sandbox must not depend on what it tests.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
import yaml

from sandbox.errors import RefusedError, SandboxError

_PARALLEL = 16
_SECONDS_TO_ANSWER = 30.0
_FIRST_ERROR = 400
_FIELD_MANAGER = "sandbox"

Manifest = dict[str, Any]


class Kube:
    """A connection with one identity; a context manager. Error answers raise `RefusedError`."""

    def __init__(self, server: str, certificate_authority: str, token: str) -> None:
        self._server = server
        # A pool ignores the environment's proxies, which cannot reach a cluster on this machine.
        self._pool = urllib3.PoolManager(
            maxsize=_PARALLEL,
            headers={"Authorization": f"Bearer {token}", "User-Agent": "sandbox"},
            ca_certs=certificate_authority,
            timeout=_SECONDS_TO_ANSWER,
            retries=False,
        )

    @classmethod
    def of_kubeconfig(cls, path: Path) -> "Kube":
        """Return a connection for the current context of a kubeconfig, whose user has a token."""
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        context = _named(config["contexts"], config["current-context"])["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        token = _named(config["users"], context["user"])["user"]["token"]
        return cls(cluster["server"], cluster["certificate-authority"], token)

    def __enter__(self) -> "Kube":
        return self

    def __exit__(self, *_: object) -> None:
        self._pool.clear()

    def get(self, path: str, **params: str) -> Manifest:
        """Return the object or list at `path`."""
        return self._call("GET", _with(path, params))

    def events(self, path: str, since: str) -> list[Manifest]:
        """Return what has happened in the collection at `path` since a resource version.

        It takes a second. The API server keeps the events of at least 75 seconds.
        """
        wanted = {"watch": "1", "resourceVersion": since, "timeoutSeconds": "1"}
        lines = self._answer("GET", _with(path, wanted)).data.splitlines()
        return [json.loads(line) for line in lines]

    def create(self, path: str, manifest: Manifest, **params: str) -> Manifest:
        """Create an object in the collection at `path`."""
        return self._call("POST", _with(path, params), manifest)

    def delete(self, path: str) -> None:
        """Delete the object or collection at `path`, without waiting for dependents."""
        self._call("DELETE", path)

    def merge(self, path: str, patch: Manifest) -> Manifest:
        """Merge `patch` into the object at `path`; None removes a key."""
        return self._call("PATCH", path, patch, "application/merge-patch+json")

    def apply(self, path: str, manifest: Manifest, **params: str) -> Manifest:
        """Make the object at `path` what the manifest says (server-side apply)."""
        params = {"fieldManager": _FIELD_MANAGER, "force": "true", **params}
        return self._call("PATCH", _with(path, params), manifest, "application/apply-patch+yaml")

    def answers(self, path: str = "/readyz") -> bool:
        """Return whether the server answers `path` with success now."""
        try:
            return self._send("GET", path).status < _FIRST_ERROR
        except urllib3.exceptions.HTTPError:
            return False

    def _call(
        self,
        method: str,
        path: str,
        content: Manifest | None = None,
        content_type: str = "application/json",
    ) -> Manifest:
        result: Manifest = self._answer(method, path, content, content_type).json()
        return result

    def _answer(
        self,
        method: str,
        path: str,
        content: Manifest | None = None,
        content_type: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        try:
            answer = self._send(method, path, content, content_type)
        except urllib3.exceptions.HTTPError as error:
            raise SandboxError(
                f"no answer from the local cluster to {method} {path}: {error}"
            ) from error
        if answer.status >= _FIRST_ERROR:
            raise RefusedError(
                answer.status, f"the local cluster refused {method} {path}: {_reason(answer)}"
            )
        return answer

    def _send(
        self,
        method: str,
        path: str,
        content: Manifest | None = None,
        content_type: str = "application/json",
    ) -> urllib3.BaseHTTPResponse:
        headers = {**self._pool.headers, "Content-Type": content_type}
        body = None if content is None else json.dumps(content)
        return self._pool.request(method, self._server + path, body=body, headers=headers)


def _reason(answer: urllib3.BaseHTTPResponse) -> str:
    """Return the message of a Status object, else the whole answer."""
    text = answer.data.decode("utf-8", "replace").strip()
    try:
        return str(json.loads(text)["message"])
    except (ValueError, LookupError, TypeError):
        return f"{answer.status} {text}"


def _with(path: str, params: Mapping[str, str]) -> str:
    return f"{path}?{urlencode(params)}" if params else path


def _named(entries: Iterable[Manifest], name: str) -> Manifest:
    return next(entry for entry in entries if entry["name"] == name)


def in_parallel(action: Callable[[Any], object], items: Iterable[Any]) -> None:
    """Run `action` for all items, several at once; raise the first error once all have ended."""
    with ThreadPoolExecutor(_PARALLEL) as pool:
        for _ in pool.map(action, items):
            pass
