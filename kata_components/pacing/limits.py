"""What keeps further nodes from starting: the failure budget, and a quota that is used up. Pure."""

from collections.abc import Iterable
from math import inf
from typing import Final

from kata_components.wording import nodes

_QUOTA_PAUSE_SECONDS: Final = 5.0


class FailureBudget:
    """Counts the nodes that failed at this digest, in earlier runs as well.

    Once more than `allowed` nodes count as failed, no fresh node starts; the failed ones may be
    retried, because that cannot raise the count. A canary that failed, departed or was left out
    before it could prove anything stops everything. One that is late, behind its Job, counts as
    failed until it serves.
    """

    def __init__(self, allowed: float = inf, *, earlier: Iterable[str] = ()) -> None:
        self.allowed = allowed
        self._failed = dict.fromkeys(earlier)
        self._canaries: dict[str, str] = {}
        """The canaries that stop the rollout, each with what became of it."""
        self._late: dict[str, bool] = {}
        """The nodes that are late and did not fail before, and whether each is a canary."""

    def failed(self, node: str, *, canary: bool) -> None:
        """Count a node that failed."""
        self._late.pop(node, None)
        self._failed[node] = None
        if canary:
            self._canaries[node] = "failed"

    def late(self, node: str, *, canary: bool) -> None:
        """Count a node that does not serve yet, long after its Job."""
        if node not in self._failed:
            self._late[node] = canary

    def not_late(self, node: str) -> None:
        """Stop counting a node as late: it serves, or its wait is over."""
        self._late.pop(node, None)

    def recovered(self, node: str) -> None:
        """Stop counting a node, which has succeeded after all."""
        self._failed.pop(node, None)
        self._canaries.pop(node, None)

    def departed(self, node: str, *, canary: bool) -> None:
        """Stop counting a node, which has left the cluster."""
        self.recovered(node)
        self._lose_canary(node, "is gone", canary=canary)

    def left_out(self, node: str, why: str, *, canary: bool) -> None:
        """Note a node that was left out; one that counted as failed still does."""
        self._lose_canary(node, f"was left out ({why})", canary=canary)

    def _lose_canary(self, node: str, fate: str, *, canary: bool) -> None:
        if canary:
            self._canaries[node] = f"{fate}, the next run chooses another"

    def allows(self, node: str) -> bool:
        """Whether a node may start now."""
        if self._canaries or any(self._late.values()):
            return False
        return len(self._failed) + len(self._late) <= self.allowed or node in self._failed

    @property
    def stop_reason(self) -> str:
        """Why no fresh node starts, empty while they do."""
        if self._canaries:
            return ", ".join(f"canary {node} {fate}" for node, fate in self._canaries.items())
        if len(self._failed) > self.allowed:
            return f"{nodes(len(self._failed))} failed, rollout.maxFailures allows {self.allowed:g}"
        return ""


class QuotaBackoff:
    """Holds starts back while a quota is used up: one node tries again and again.

    Once its Job is accepted, all may start.
    """

    def __init__(self) -> None:
        self._next = -inf

    @property
    def is_active(self) -> bool:
        """Whether the last Job was refused."""
        return self._next > -inf

    def refused(self, now: float) -> None:
        """Note that a Job was refused."""
        self._next = now + _QUOTA_PAUSE_SECONDS

    def accepted(self) -> None:
        """Note that a Job was accepted."""
        self._next = -inf

    def holds(self, now: float, starting: int) -> bool:
        """Whether no further node may start while `starting` nodes are about to."""
        return self.is_active and (now < self._next or starting > 0)

    def next_try(self, now: float) -> float:
        """Return when one may try, infinity if one may now or is trying."""
        return self._next if self._next > now else inf
