"""The fields of pods, and of events about them, that say why a Job fails or makes no progress."""

from kata_components.kubernetes.objects import ApiRecord, Condition, Metadata

_STARTING = {None, "PodInitializing", "ContainerCreating"}
_ENDED = {"Succeeded", "Failed"}


class Terminated(ApiRecord):
    """How a container ended."""

    exit_code: int = 0
    reason: str | None = None
    message: str | None = None


class Waiting(ApiRecord):
    """Why a container has not started."""

    reason: str | None = None
    message: str | None = None


class Running(ApiRecord):
    """When a container started."""

    started_at: str | None = None


class ContainerState(ApiRecord):
    """The state of a container; at most one of the fields is set."""

    terminated: Terminated | None = None
    waiting: Waiting | None = None
    running: Running | None = None


class ContainerStatus(ApiRecord):
    """`status` of one container of a pod."""

    name: str
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    restart_count: int | None = None


class PodStatus(ApiRecord):
    """`status` of a pod."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[Condition] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Owner(ApiRecord):
    """One entry of `metadata.ownerReferences`."""

    uid: str = ""


class PodMetadata(Metadata):
    """`metadata` of a pod."""

    owner_references: list[Owner] | None = None


class Pod(ApiRecord):
    """A pod. Its stages are its containers in the order in which they run."""

    metadata: PodMetadata
    status: PodStatus | None = None

    @property
    def has_ended(self) -> bool:
        """Whether it no longer changes its host; while it terminates it still does."""
        return self.status is not None and self.status.phase in _ENDED

    @property
    def stages(self) -> list[tuple[str, ContainerState]]:
        """The names and states of its containers that have a state, init containers first."""
        status = self.status or PodStatus()
        found = [*(status.init_container_statuses or []), *(status.container_statuses or [])]
        return [(container.name, container.state) for container in found if container.state]

    @property
    def failed(self) -> tuple[str, Terminated] | None:
        """The stage that failed, and how."""
        ended = ((stage, state.terminated) for stage, state in self.stages if state.terminated)
        return next(((stage, end) for stage, end in ended if end.exit_code), None)

    @property
    def stuck(self) -> tuple[str, Waiting] | None:
        """The stage that cannot start, and why; not one that is starting or still to come."""
        waits = ((stage, state.waiting) for stage, state in self.stages if state.waiting)
        return next(((stage, wait) for stage, wait in waits if wait.reason not in _STARTING), None)

    @property
    def running(self) -> str:
        """The stage that is running, empty if none is."""
        return next((stage for stage, state in self.stages if state.running), "")


class Event(ApiRecord):
    """An event about an object, with times in RFC 3339 and UTC."""

    metadata: Metadata
    reason: str | None = None
    message: str | None = None
    last_timestamp: str | None = None
    event_time: str | None = None

    @property
    def time(self) -> str:
        """When it happened last."""
        return self.last_timestamp or self.event_time or self.metadata.creation_timestamp or ""
