"""What rollout.json says of a rollout: all that its report is made from. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil
from typing import Any, Literal

import msgspec

Result = Literal["done", "failed", "skipped", "gone", "waiting", "working"]
"""What became of a node. One that is gone has left the cluster; a waiting one was not started; a
working one had not ended when the rollout was interrupted, which is its end here."""


class NodeRecord(msgspec.Struct, frozen=True, kw_only=True, rename="camel", omit_defaults=True):
    """A node that the plan was to touch, or skipped. Times are seconds since the run began."""

    node: str
    action: str
    """As in plan.json."""
    reason: str
    """Why the plan had this action."""
    wave: int = 0
    """As in plan.json: counts from 0, and waves without work count as well."""
    canary: bool = False
    result: Result
    text: str = ""
    """Why it failed or was skipped, or what is not as it should be although it is done."""
    started: float | None = None
    job_started: float | None = None
    job_ended: float | None = None
    ended: float | None = None

    @property
    def planned(self) -> bool:
        """Whether the plan was to touch it."""
        return self.action != "skipped"

    @property
    def seconds(self) -> float | None:
        """How long it took, from the start to its end."""
        return _between(self.started, self.ended)

    @property
    def job_seconds(self) -> float | None:
        """How long its Job ran."""
        return _between(self.job_started, self.job_ended)

    @property
    def behind_seconds(self) -> float | None:
        """How long it took behind its Job."""
        return _between(self.job_ended, self.ended)


class Record(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One rollout. The counts are those of the stack output `rollout`."""

    selected: int
    up_to_date: int
    installed: int
    adopted: int
    relabelled: int
    cleaned: int
    failed: int
    skipped: int
    remaining: int
    seconds: float
    digest: str
    failure: str = ""
    stack: str = ""
    namespace: str = ""
    suffix: str = ""
    kata_version: str = ""
    started_at: datetime | None = None
    parallelism: int = 0
    soak_seconds: float = 0.0
    nodes: tuple[NodeRecord, ...] = ()

    @property
    def done(self) -> int:
        """How many nodes were done in this rollout."""
        return self.installed + self.adopted + self.relabelled + self.cleaned

    @property
    def planned(self) -> int:
        """How many nodes the plan was to touch."""
        listed = sum(node.planned for node in self.nodes)
        return listed or self.done + self.failed + self.remaining

    @property
    def working(self) -> int:
        """How many nodes had not ended when it was interrupted."""
        return sum(node.result == "working" for node in self.nodes)

    @property
    def succeeded(self) -> bool:
        """Whether nothing failed and nothing is left."""
        return not (self.failed or self.remaining)

    @property
    def ended_at(self) -> datetime | None:
        """When it ended."""
        return self.started_at and self.started_at + timedelta(seconds=self.seconds)


def parse(document: dict[str, Any] | bytes) -> Record:
    """Return the rollout in the text or the document of a rollout.json.

    Raises:
        msgspec.DecodeError: it is none.
    """
    if isinstance(document, bytes):
        return msgspec.json.decode(document, type=Record)
    return msgspec.convert(document, Record)


def quantile(values: Sequence[float], percent: int) -> float:
    """Return the smallest value that this percentage of at least one value does not exceed."""
    return sorted(values)[max(1, ceil(len(values) * percent / 100)) - 1]


def _between(begin: float | None, end: float | None) -> float | None:
    return None if begin is None or end is None else max(0.0, end - begin)
