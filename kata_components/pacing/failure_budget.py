"""The failure budget: when to stop starting nodes."""

from collections.abc import Iterable
from math import inf


class Budget:
    """Counts the nodes that failed at this digest, earlier runs included.

    Once more than `allowed` nodes count as failed, no fresh node starts; the failed ones may be
    tried again, because that cannot raise the count. A canary that failed, went away or was left
    out before it could prove anything, stops everything.
    """

    def __init__(self, allowed: float = inf, *, earlier: Iterable[str] = ()) -> None:
        self.allowed = allowed
        self._failed = dict.fromkeys(earlier)
        self._canaries: dict[str, str] = {}
        """What became of the canaries that stop the rollout."""

    def failed(self, node: str, *, canary: bool) -> None:
        """Count a node that failed."""
        self._failed[node] = None
        if canary:
            self._canaries[node] = "failed"

    def recovered(self, node: str) -> None:
        """Take back a node that succeeded after all."""
        self._failed.pop(node, None)
        self._canaries.pop(node, None)

    def departed(self, node: str, *, canary: bool) -> None:
        """Take back a node that is gone."""
        self.recovered(node)
        self._without_canary(node, "is gone", canary=canary)

    def left_out(self, node: str, why: str, *, canary: bool) -> None:
        """Take note of a node that was not worked on; whether it counts as failed is as before."""
        self._without_canary(node, f"was left out ({why})", canary=canary)

    def _without_canary(self, node: str, fate: str, *, canary: bool) -> None:
        if canary:
            self._canaries[node] = f"{fate}, the next run chooses another"

    def allows(self, node: str) -> bool:
        """Whether a node may start now."""
        return not self._canaries and (len(self._failed) <= self.allowed or node in self._failed)

    @property
    def stop_reason(self) -> str:
        """Why fresh nodes are not started, empty while they are."""
        if self._canaries:
            return ", ".join(f"canary {node} {fate}" for node, fate in self._canaries.items())
        if len(self._failed) > self.allowed:
            return f"{len(self._failed)} nodes failed, rollout.maxFailures allows {self.allowed:g}"
        return ""
