"""The fields of Kubernetes objects that this project reads, and no others.

Unknown fields are skipped while decoding, and absent or `null` ones become None: 5,000 nodes of 20
KB decode in a fraction of the time and memory of full objects (docs/adr/0005).
"""

from typing import Any, Generic, Literal, TypeVar

import msgspec


class ApiRecord(msgspec.Struct, rename="camel", gc=False, kw_only=True):
    """Base of the records: camelCase on the wire, not tracked by the garbage collector.

    Nobody changes them.
    """


class AnnotatedMetadata(ApiRecord):
    """The part of `metadata` that tells of marks."""

    name: str = ""
    annotations: dict[str, str] | None = None

    def annotation(self, key: str) -> str | None:
        """Return the value of an annotation, None when it is not set."""
        return (self.annotations or {}).get(key)


class Metadata(AnnotatedMetadata):
    """`metadata` of any object."""

    namespace: str | None = None
    uid: str = ""
    resource_version: str = ""
    creation_timestamp: str | None = None
    deletion_timestamp: str | None = None
    labels: dict[str, str] | None = None

    def label(self, key: str) -> str | None:
        """Return the value of a label, None when it is not set."""
        return (self.labels or {}).get(key)


class ObjectMetadata(ApiRecord):
    """An object of which only the metadata was asked for (`PartialObjectMetadata`)."""

    metadata: Metadata


class OwnedMetadata(Metadata):
    """`metadata` with who set which field: the entries of `managedFields`, as they are."""

    managed_fields: list[dict[str, Any]] | None = None


class OwnedObject(ApiRecord):
    """An object of which only the metadata was asked for, with who set which field."""

    metadata: OwnedMetadata


class Condition(ApiRecord):
    """One entry of `status.conditions`."""

    type: str
    status: str
    reason: str | None = None
    message: str | None = None
    last_transition_time: str | None = None


class JobPodSpec(ApiRecord):
    """The pod spec inside a Job."""

    node_name: str | None = None


class JobPodTemplate(ApiRecord):
    """The pod template inside a Job."""

    spec: JobPodSpec | None = None


class JobSpec(ApiRecord):
    """`spec` of a Job."""

    template: JobPodTemplate | None = None
    active_deadline_seconds: int | None = None
    backoff_limit: int | None = None


class JobStatus(ApiRecord):
    """`status` of a Job."""

    active: int | None = None
    succeeded: int | None = None
    failed: int | None = None
    start_time: str | None = None
    completion_time: str | None = None
    conditions: list[Condition] | None = None


class Job(ApiRecord):
    """A Job."""

    metadata: Metadata
    spec: JobSpec | None = None
    status: JobStatus | None = None

    def condition(self, kind: str) -> Condition | None:
        """Return the condition of that type if it is True."""
        conditions = (self.status and self.status.conditions) or []
        return next((c for c in conditions if c.type == kind and c.status == "True"), None)


class JobList(ApiRecord):
    """All Jobs of a list call, with the position a watch continues from."""

    items: list[Job]
    resource_version: str


class JobEvent(ApiRecord):
    """One event of a watch on Jobs."""

    type: Literal["ADDED", "MODIFIED", "DELETED"]
    object: Job


class LeaseSpec(ApiRecord):
    """`spec` of a Lease; times are RFC 3339 with microseconds."""

    holder_identity: str | None = None
    lease_duration_seconds: int | None = None
    acquire_time: str | None = None
    renew_time: str | None = None
    lease_transitions: int | None = None


class Lease(ApiRecord):
    """A Lease."""

    metadata: Metadata
    spec: LeaseSpec | None = None


class DaemonSetStatus(ApiRecord):
    """`status` of a DaemonSet."""

    current_number_scheduled: int | None = None
    desired_number_scheduled: int | None = None


class DaemonSetSpec(ApiRecord):
    """`spec` of a DaemonSet; the template is as it came."""

    template: dict[str, Any] | None = None


class DaemonSet(ApiRecord):
    """A DaemonSet."""

    metadata: Metadata
    spec: DaemonSetSpec | None = None
    status: DaemonSetStatus | None = None

    @property
    def scheduled(self) -> int:
        """On how many nodes it has a pod."""
        return (self.status and self.status.current_number_scheduled) or 0


T = TypeVar("T")


class ListMetadata(ApiRecord):
    """`metadata` of a list: its position, and where the next page begins."""

    resource_version: str = ""
    continue_: str | None = msgspec.field(default=None, name="continue")


class Page(ApiRecord, Generic[T]):
    """A page of a list."""

    metadata: ListMetadata
    items: list[T] | None = None
