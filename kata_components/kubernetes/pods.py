"""The fields of pods that say why a Job failed, and no others."""

from kata_components.kubernetes.objects import Condition, Metadata, Slim


class Terminated(Slim):
    """How a container ended."""

    exit_code: int = 0
    reason: str | None = None
    message: str | None = None


class Waiting(Slim):
    """Why a container has not started."""

    reason: str | None = None
    message: str | None = None


class ContainerState(Slim):
    """The state of a container; at most one of the fields is set."""

    terminated: Terminated | None = None
    waiting: Waiting | None = None


class ContainerStatus(Slim):
    """`status` of one container of a pod."""

    name: str
    state: ContainerState | None = None
    last_state: ContainerState | None = None
    restart_count: int | None = None


class PodStatus(Slim):
    """`status` of a pod."""

    phase: str | None = None
    reason: str | None = None
    message: str | None = None
    conditions: list[Condition] | None = None
    init_container_statuses: list[ContainerStatus] | None = None
    container_statuses: list[ContainerStatus] | None = None


class Pod(Slim):
    """A pod."""

    metadata: Metadata
    status: PodStatus | None = None
