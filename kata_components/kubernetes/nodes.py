"""The fields of nodes that this project reads."""

import msgspec

from kata_components.foreign import bounded
from kata_components.kubernetes.objects import AnnotatedMetadata, ApiRecord, Metadata


class NodeCondition(ApiRecord):
    """One entry of `status.conditions` of a node.

    Keeps only the message of a node that is not Ready: those of thousands of healthy nodes would
    fill memory.
    """

    type: str
    status: str
    message: str | None = None

    def __post_init__(self) -> None:
        """Drop a message that is never shown."""
        if self.type != "Ready" or self.status == "True":
            self.message = None


class NodeInfo(ApiRecord):
    """`status.nodeInfo` of a node."""

    machine_id: str = msgspec.field(default="", name="machineID")
    os_image: str = ""
    kernel_version: str = ""
    container_runtime_version: str = ""
    architecture: str = ""
    kubelet_version: str = ""
    operating_system: str = ""


class RuntimeHandler(ApiRecord):
    """One entry of `status.runtimeHandlers` of a node; the default handler has no name."""

    name: str = ""


class NodeStatus(ApiRecord):
    """`status` of a node."""

    conditions: list[NodeCondition] | None = None
    node_info: NodeInfo | None = None
    runtime_handlers: list[RuntimeHandler] | None = None


class Taint(ApiRecord, omit_defaults=True):
    """One entry of `spec.taints`, with all its fields: it may be written back."""

    key: str
    effect: str
    value: str | None = None
    time_added: str | None = None


class NodeSpec(ApiRecord):
    """`spec` of a node."""

    taints: list[Taint] | None = None


class Node(ApiRecord):
    """A node."""

    metadata: Metadata
    spec: NodeSpec | None = None
    status: NodeStatus | None = None

    @property
    def ready(self) -> bool:
        """Whether the node's Ready condition is True."""
        condition = self._readiness
        return condition is not None and condition.status == "True"

    @property
    def trouble(self) -> str:
        """Why it is not Ready, in the words of the kubelet or node controller; empty if it is."""
        condition = self._readiness
        return bounded(condition.message or "").rstrip(".") if condition else ""

    @property
    def not_ready(self) -> str:
        """The message for a node that is not Ready."""
        return f"NotReady{self.trouble and f': {self.trouble}'}"

    @property
    def _readiness(self) -> NodeCondition | None:
        conditions = (self.status and self.status.conditions) or []
        return next((c for c in conditions if c.type == "Ready"), None)

    @property
    def taints(self) -> list[Taint]:
        """The node's taints."""
        return (self.spec and self.spec.taints) or []

    @property
    def handlers(self) -> frozenset[str] | None:
        """The handlers of its container runtime, None if the node does not report them."""
        if self.status is None or self.status.runtime_handlers is None:
            return None
        return frozenset(handler.name for handler in self.status.runtime_handlers)

    @property
    def info(self) -> NodeInfo:
        """What the kubelet reports about the machine; empty before it has."""
        return (self.status and self.status.node_info) or NodeInfo()


class AnnotatedNode(ApiRecord):
    """A node of which only name and annotations are read, to save memory."""

    metadata: AnnotatedMetadata
