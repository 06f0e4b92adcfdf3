"""An API server's work on any objects: it stores, versions and finds them and reports changes."""

import copy
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal

from tests.model.history import Change, Event, History, Object, RefusedError
from tests.model.selectors import matches

Kept = dict[str, Object]
"""Objects of one kind by name."""


@dataclass
class Namespace:
    """The objects of one namespace."""

    jobs: Kept = field(default_factory=dict)
    pods: Kept = field(default_factory=dict)
    leases: Kept = field(default_factory=dict)
    events: list[Object] = field(default_factory=list)


HOME = "kube-system"
"""The namespace of the product's objects, by default."""


@dataclass
class Store:
    """Objects as on the wire, with the API server's rules for them.

    `jobs`, `pods` and `leases` are those of `HOME`, where most tests have all of them.
    """

    objects: Kept = field(default_factory=dict)
    """Other objects by their path after the API version: `namespaces/kube-system`."""

    def __post_init__(self) -> None:
        self.namespaces: dict[str, Namespace] = defaultdict(Namespace)
        self._version = 0
        self.job_history = History()
        self.objects[f"namespaces/{HOME}"] = {"metadata": {"name": HOME, "uid": "cluster-1"}}

    @property
    def jobs(self) -> Kept:
        return self.namespaces[HOME].jobs

    @property
    def pods(self) -> Kept:
        return self.namespaces[HOME].pods

    @property
    def leases(self) -> Kept:
        return self.namespaces[HOME].leases

    def kept(self, kind: Literal["jobs", "pods", "leases"]) -> list[Object]:
        """Return the objects of a kind in all namespaces."""
        return [o for inside in self.namespaces.values() for o in getattr(inside, kind).values()]

    # Reading.

    def list_objects(self, kept: Kept, selector: str) -> tuple[list[Object], str]:
        matching = (
            o for o in kept.values() if matches(selector, o["metadata"].get("labels") or {})
        )
        return [copy.deepcopy(o) for o in matching], str(self._version)

    def find(self, kept: Kept, name: str) -> Object:
        if name not in kept:
            raise RefusedError(404, "NotFound", f"{name} not found")
        return copy.deepcopy(kept[name])

    def events_of(self, namespace: str, field_selector: str) -> list[Object]:
        """Return the events of one type about one object."""
        wanted = dict(term.split("=") for term in field_selector.split(","))
        assert wanted.keys() == {"involvedObject.uid", "type"}
        events = self.namespaces[namespace].events
        uid, kind = wanted["involvedObject.uid"], wanted["type"]
        return [
            copy.deepcopy(e)
            for e in events
            if e["involvedObject"]["uid"] == uid and e["type"] == kind
        ]

    def create_event(self, namespace: str, manifest: Object) -> None:
        name = f"{manifest['metadata']['generateName']}{self._next_version()}"
        made = copy.deepcopy(manifest)
        made["metadata"] |= {"name": name, "namespace": namespace}
        self.namespaces[namespace].events.append(made)

    def objects_at(self, path: str) -> list[Object]:
        """Return the `objects` directly in that collection, with their names."""
        below = {
            key.removeprefix(path): o for key, o in self.objects.items() if key.startswith(path)
        }
        named = {name: found for name, found in below.items() if "/" not in name}
        return [
            {**found, "metadata": {"name": name, **found["metadata"]}}
            for name, found in named.items()
        ]

    def patch_metadata(self, path: str, patch: Object) -> None:
        """Apply a merge patch to the metadata of one of `objects`."""
        metadata = self.find(self.objects, path)["metadata"]
        if patch.get("resourceVersion", "") != metadata.get("resourceVersion", ""):
            raise RefusedError(409, "Conflict", "the object has been modified")
        for key, value in patch.items():
            old = metadata.get(key, {})
            metadata[key] = merged(old, value) if isinstance(value, dict) else value
        self.objects[path]["metadata"] = metadata | {"resourceVersion": self._next_version()}

    # Leases.

    def create_lease(self, namespace: str, manifest: Object) -> Object:
        name, leases = manifest["metadata"]["name"], self.namespaces[namespace].leases
        if name in leases:
            raise RefusedError(409, "AlreadyExists")
        lease = copy.deepcopy(manifest)
        lease["metadata"] |= {"namespace": namespace, "uid": self._next_uid()}
        lease["metadata"]["resourceVersion"] = self._next_version()
        leases[name] = lease
        return copy.deepcopy(lease)

    def replace_lease(self, namespace: str, name: str, manifest: Object) -> Object:
        wanted, leases = manifest["metadata"], self.namespaces[namespace].leases
        if name not in leases and "uid" not in wanted:
            # A PUT may create a Lease, unless it names a UID.
            return self.create_lease(namespace, manifest)
        if name not in leases:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        known = leases[name]["metadata"]
        if wanted.get("uid", known["uid"]) != known["uid"]:
            raise RefusedError(409, "Conflict", "the Lease has another UID")
        if wanted.get("resourceVersion", known["resourceVersion"]) != known["resourceVersion"]:
            raise RefusedError(409, "Conflict", "the Lease has been modified")
        lease = copy.deepcopy(manifest)
        lease["metadata"] = known | lease["metadata"] | {"resourceVersion": self._next_version()}
        leases[name] = lease
        return copy.deepcopy(lease)

    def delete_lease(self, namespace: str, name: str, uid: str) -> None:
        leases = self.namespaces[namespace].leases
        if self.find(leases, name)["metadata"]["uid"] != uid:
            raise RefusedError(409, "Conflict", "the UID in the precondition does not match")
        del leases[name]

    # Changes of Jobs.

    async def follow(
        self, namespace: str, selector: str, resource_version: str
    ) -> AsyncIterator[Event]:
        """Yield the changes of a namespace's Jobs after a version, forever."""
        async for event in self.job_history.follow(int(resource_version)):
            if is_seen(event, namespace, selector):
                yield event

    def forget(self) -> None:
        """Compact the history: every watch has to list again."""
        self.job_history.forget(int(self._next_version()))

    def _tell(self, kind: Change, job: Object) -> None:
        job["metadata"]["resourceVersion"] = self._next_version()
        self.job_history.add(self._version, kind, job)

    def _next_version(self) -> str:
        self._version += 1
        return str(self._version)

    def _next_uid(self) -> str:
        self._version += 1
        return f"uid-{self._version}"


def is_seen(event: Event, namespace: str, selector: str) -> bool:
    """Return whether a watch of a namespace's Jobs gets the event."""
    metadata = event.object["metadata"]
    return metadata["namespace"] == namespace and matches(selector, metadata.get("labels") or {})


def merged(old: Object, changes: Object) -> Object:
    """Return a map after a merge patch, in which null removes a key."""
    return {key: value for key, value in {**old, **changes}.items() if value is not None}
