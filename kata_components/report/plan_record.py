"""What plan.json says of a plan: what an approval binds, and what its reviewer wants to know. Pure.

Of a plan that an older version has written, only what an approval binds is there.
"""

from typing import Any

import msgspec


class NodeKind(
    msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True, order=True
):
    """What makes nodes alike for a canary."""

    architecture: str = ""
    os_image: str = ""
    kernel: str = ""
    """Its minor version: `6.8`."""
    container_runtime: str = ""


class Release(msgspec.Struct, frozen=True, kw_only=True, rename="camel", order=True):
    """What is, or is to be, on a node."""

    kata_version: str
    digest: str


class Container(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A container of the Job that works on a node."""

    name: str
    image: str
    privileged: bool = False


class PlannedNode(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A node and what happens to it."""

    node: str
    uid: str
    action: str
    reason: str
    wave: int
    """Its position in `rollout.waves`, from 0; waves without work count as well."""
    canary: bool = False
    zone: str = ""
    kind: NodeKind = NodeKind()
    installed: Release | None = None
    """What is on this machine now, as far as its mark says."""
    selected: bool = True
    """False: it is here because it was deselected and is to be cleaned."""

    @property
    def pending(self) -> bool:
        """Whether the rollout is to touch it."""
        return self.action not in {"upToDate", "skipped"}


class PlanRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """The plan of a stack on a cluster; `nodes` is None if a guard rail stopped it before that."""

    schema: int
    stack: str
    """`project/stack`."""
    cluster_uid: str
    """The UID of the cluster's kube-system namespace."""
    guards: tuple[str, ...]
    """The guard rails that an approval confirms."""
    approved: str = ""
    """The path of the approved plan that has bound this one, if any."""
    refusals: tuple[str, ...] = ()
    """Why `up` would not carry it out as it is."""
    kata_version: str = ""
    namespace: str = ""
    suffix: str = ""
    digest: str = ""
    pace: dict[str, Any] = {}
    """The values of the configuration that determine how it advances, by their keys."""
    containers: tuple[Container, ...] = ()
    """Those of the Job that installs on a node, in their order."""
    kept: tuple[str, ...] = ()
    """Nodes that are not selected any more and keep what is installed."""
    counts: dict[str, int] = {}
    nodes: tuple[PlannedNode, ...] | None = None

    @property
    def listed(self) -> tuple[PlannedNode, ...]:
        """Its nodes, none if there was no plan."""
        return self.nodes or ()

    @property
    def pending(self) -> list[PlannedNode]:
        """The nodes that the rollout is to touch, wave by wave."""
        return sorted(filter(lambda node: node.pending, self.listed), key=lambda node: node.wave)

    @property
    def wanted(self) -> Release:
        """What is to be on every selected node."""
        return Release(kata_version=self.kata_version, digest=self.digest)


def parse(text: bytes) -> PlanRecord:
    """Return the plan in the text of a plan.json.

    Raises:
        msgspec.DecodeError: it is none.
    """
    return msgspec.json.decode(text, type=PlanRecord)


def rendered(record: PlanRecord) -> str:
    """Return the content of plan.json."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2).decode() + "\n"
