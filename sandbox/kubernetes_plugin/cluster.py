"""What the plugin does to objects of a cluster: create, apply, read, delete, and wait.

Owns: the way the official plugin uses the API server. Objects are created with POST, so that an existing one is an
error, and updated with server-side apply; with `upsert` they are applied from the start. Before the first apply the
fields that POST recorded are handed over, else they would conflict or stay for ever. Waiting lists and watches the one
object. Knows manifests and live objects, nothing of Pulumi's state or secrets.
"""

import time
from collections.abc import Callable, Iterator
from typing import Any, Final

from kata_components.errors import ApiError, ExpiredError, UnreachableError
from sandbox.kubernetes_plugin.kinds import HTTP_NOT_FOUND, Kind, Kinds
from sandbox.kubernetes_plugin.objects import (
    DELETION_PROPAGATION,
    PATCH_FORCE,
    SKIP_AWAIT,
    TIMEOUT_SECONDS,
    annotation,
)
from sandbox.kubernetes_plugin.readiness import Verdict, verdict
from sandbox.kubernetes_plugin.rest import APPLY_PATCH, JSON_PATCH, Query, Rest

DEFAULT_SECONDS: Final = 600.0
_RECONNECT_SECONDS: Final = 1.0
_CREATED_BY: Final = "Update"
_DRY_RUN: Final = {"dryRun": "All"}

Object = dict[str, Any]
Report = Callable[[str], None]
"""Takes one line about how far a wait is."""


class NoSuchKindError(Exception):
    """Raised when the API server does not serve a kind."""


class NotReadyError(Exception):
    """Raised when an object exists but is not ready; `live` is what it was like last."""

    def __init__(self, live: Object, reason: str) -> None:
        super().__init__(reason)
        self.live = live


class NotDeletedError(Exception):
    """Raised when an object is still there although its deletion was asked for."""


class Cluster:
    """The objects of one cluster.

    Args:
        rest: the API server.
        upsert: whether creating takes over an existing object.
        force: whether applying takes fields from other managers.
    """

    def __init__(self, rest: Rest, *, upsert: bool, force: bool) -> None:
        self._rest = rest
        self._upsert = upsert
        self._force = force
        self.kinds = Kinds(lambda path: rest.request("GET", path))

    def create(self, manifest: Object, manager: str, *, dry_run: bool) -> Object:
        """Return the object made from a manifest that does not exist yet (or is taken over, with `upsert`).

        Raises:
            ApiError: the API server refused; with 409 AlreadyExists the object exists.
            UnreachableError: there was no answer.
            NoSuchKindError: its kind is not served.
        """
        if self._upsert:
            return self._apply(manifest, manager, force=dry_run, dry_run=dry_run)
        query = {"fieldManager": manager} | (_DRY_RUN if dry_run else {})
        return self._rest.request("POST", self._kind(manifest).collection(_namespace(manifest)), query, manifest)

    def update(self, manifest: Object, manager: str, *, dry_run: bool) -> Object:
        """Return the existing object after its manifest was applied; errors as in `create`."""
        path = self._path(manifest)
        live = self._rest.request("GET", path)
        fields = _handed_over(live["metadata"].get("managedFields") or [], manager)
        if fields and not dry_run:
            version = live["metadata"]["resourceVersion"]
            patch = [
                {"op": "replace", "path": "/metadata/managedFields", "value": fields},
                {"op": "replace", "path": "/metadata/resourceVersion", "value": version},
            ]
            self._rest.request("PATCH", path, body=patch, content=JSON_PATCH)
        return self._apply(manifest, manager, force=dry_run and bool(fields), dry_run=dry_run)

    def read(self, api_version: str, kind: str, namespace: str, name: str) -> Object | None:
        """Return a live object, None when there is none (or not even its kind)."""
        known = self.kinds.find(api_version, kind)
        if not known:
            return None
        try:
            return self._rest.request("GET", known.item(namespace, name))
        except ApiError as error:
            if error.status == HTTP_NOT_FOUND:
                return None
            raise

    def delete(self, live: Object, timeout: float, report: Report) -> None:
        """Delete an object and what belongs to it, and wait until it is gone; gone already is fine.

        Raises:
            NotDeletedError: it is still there after `timeout` seconds (0: as annotated or by default), or on cancel.
            ApiError: the API server refused.
            UnreachableError: there was no answer.
        """
        if not self.kinds.find(live["apiVersion"], live["kind"]):
            return
        policy = (annotation(live, DELETION_PROPAGATION) or "foreground").capitalize()
        options = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": policy}
        try:
            self._rest.request("DELETE", self._path(live), body=options)
        except ApiError as error:
            if error.status != HTTP_NOT_FOUND:
                raise
            return
        if live["kind"] == "Job" and annotation(live, SKIP_AWAIT) == "true":
            return
        self._wait_until_gone(live, timeout, report)

    def wait_until_ready(self, live: Object, timeout: float, report: Report) -> Object:
        """Return the object as it is once ready.

        Every change of the object starts the time again, as with the official plugin.

        Raises:
            NotReadyError: it failed, took longer than `timeout` seconds (0: as annotated or by default), or on cancel.
        """
        if annotation(live, SKIP_AWAIT) == "true" or verdict(live).ready:
            return live
        for seen in self._versions(live, _limit(live, timeout), restart=True):
            if seen is None:
                raise NotReadyError(live, "deleted while waiting for it")
            live = seen
            now = verdict(live)
            report(now.text)
            if now.ready:
                return live
            if now.failed:
                raise NotReadyError(live, now.text)
        raise NotReadyError(live, self._unfinished("to become ready", verdict(live)))

    def _wait_until_gone(self, live: Object, timeout: float, report: Report) -> None:
        uid = live["metadata"].get("uid")
        for seen in self._versions(live, _limit(live, timeout), restart=False):
            if seen is None or seen["metadata"]["uid"] != uid:
                return
            live = seen
            report("deletion: waiting for finalizers " + ", ".join(live["metadata"].get("finalizers") or ["none"]))
        finalizers = ", ".join(live["metadata"].get("finalizers") or ["none"])
        pending = Verdict(ready=False, failed=False, text=f"finalizers might be preventing deletion: {finalizers}")
        raise NotDeletedError(f"{_label(live)}: {self._unfinished('to be deleted', pending)}")

    def _unfinished(self, goal: str, last: Verdict) -> str:
        how = "cancelled" if self._rest.cancelled.is_set() else "timed out"
        return f"{how} while waiting for it {goal}; {last.text}"

    def _versions(self, live: Object, seconds: float, *, restart: bool) -> Iterator[Object | None]:
        """Yield the object now and after every change, None when it is gone, until time is over or on cancel."""
        name = live["metadata"]["name"]
        collection = self._kind(live).collection(_namespace(live))
        selector: Query = {"fieldSelector": f"metadata.name={name}"}
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and not self._rest.cancelled.is_set():
            try:
                found = self._rest.request("GET", collection, selector)
                yield (
                    {"apiVersion": live["apiVersion"], "kind": live["kind"], **item}
                    if (item := next(iter(found["items"]), None))
                    else None
                )
                position = {"resourceVersion": found["metadata"]["resourceVersion"]}
                for event in self._rest.watch(collection, {**selector, **position}, deadline - time.monotonic()):
                    yield None if event["type"] == "DELETED" else event["object"]
                    if restart:
                        deadline = time.monotonic() + seconds
            except (ExpiredError, UnreachableError):
                self._rest.cancelled.wait(_RECONNECT_SECONDS)

    def _apply(self, manifest: Object, manager: str, *, force: bool, dry_run: bool) -> Object:
        forced = force or self._force or annotation(manifest, PATCH_FORCE) == "true"
        query = {"fieldManager": manager, "force": str(forced).lower()} | (_DRY_RUN if dry_run else {})
        return self._rest.request("PATCH", self._path(manifest), query, manifest, APPLY_PATCH)

    def _path(self, manifest: Object) -> str:
        return self._kind(manifest).item(_namespace(manifest), manifest["metadata"]["name"])

    def _kind(self, manifest: Object) -> Kind:
        kind = self.kinds.find(manifest["apiVersion"], manifest["kind"])
        if not kind:
            raise NoSuchKindError(
                f"the API server does not serve {manifest['apiVersion']}/{manifest['kind']}; "
                "create its CustomResourceDefinition first"
            )
        return kind


def _handed_over(fields: list[Object], manager: str) -> list[Object]:
    """Return managed fields where `manager` applied what it created; empty when there is nothing to hand over."""
    created = [entry for entry in fields if _key(entry) == (manager, _CREATED_BY, "")]
    if not created:
        return []
    applied = [entry for entry in fields if _key(entry) == (manager, "Apply", "")]
    owned: Object = {}
    for entry in [*applied, *created]:
        owned = _union(owned, entry["fieldsV1"])
    others = [entry for entry in fields if entry not in created and entry not in applied]
    return [*others, created[0] | {"operation": "Apply", "fieldsV1": owned}]


def _key(entry: Object) -> tuple[str, str, str]:
    return entry["manager"], entry["operation"], entry.get("subresource", "")


def _union(first: Object, second: Object) -> Object:
    return first | {key: _union(first.get(key, {}), value) for key, value in second.items()}


def _limit(live: Object, timeout: float) -> float:
    """Return how many seconds to wait: the resource option, else the annotation, else the default."""
    noted = annotation(live, TIMEOUT_SECONDS)
    return timeout or (float(noted) if noted.isdecimal() else DEFAULT_SECONDS)


def _namespace(manifest: Object) -> str:
    return str(manifest["metadata"].get("namespace") or "default")


def _label(live: Object) -> str:
    return f"{live['kind']} {live['metadata']['name']}"
