"""The failure budget: when to stop starting nodes."""

from collections.abc import Iterable
from math import inf


class Budget:
    """Counts the nodes that failed at this digest, earlier runs included.

    Once more than `allowed` nodes count as failed, no fresh node starts; the failed ones may be tried again, because
    that cannot raise the count. A failed canary stops everything.
    """

    def __init__(self, allowed: float = inf, *, earlier: Iterable[str] = ()) -> None:
        self.allowed = allowed
        self.failed_canaries: list[str] = []
        self._failed = dict.fromkeys(earlier)

    def failed(self, node: str, *, canary: bool) -> None:
        """Count a node that failed."""
        self._failed[node] = None
        if canary:
            self.failed_canaries.append(node)

    def recovered(self, node: str) -> None:
        """Take back a node that succeeded after all or is gone."""
        self._failed.pop(node, None)

    def allows(self, node: str) -> bool:
        """Whether a node may start now."""
        return not self.failed_canaries and (len(self._failed) <= self.allowed or node in self._failed)

    @property
    def stop_reason(self) -> str:
        """Why fresh nodes are not started, empty while they are."""
        if self.failed_canaries:
            return f"canary {', '.join(self.failed_canaries)} failed"
        if len(self._failed) > self.allowed:
            return f"{len(self._failed)} nodes failed, rollout.maxFailures allows {self.allowed:g}"
        return ""
