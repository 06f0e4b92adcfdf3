"""The wait of one node behind its Job, until it is Ready and serves Kata. Pure.

    the Job's end ──── ready_seconds ────► not Ready: failed
          first Ready ──── handler_seconds ────► none of our handlers: failed for good

Time passes without answers as well, but only what a look has found fails a node: after an outage it
is looked at first. The last look is at the deadline itself.
"""

from enum import Enum, auto
from math import inf

from kata_components.pacing.protocol import Protocol
from kata_components.planning.service import Service


class Verdict(Enum):
    """What a look means for a node."""

    WAITING = auto()
    SERVES = auto()
    NOT_READY = auto()
    """Not Ready in time. It may serve once it is."""
    NOT_SERVED = auto()
    """Its container runtime does not know Kata although the Job succeeded."""


class Wait:
    """Judges what looks at one node find."""

    def __init__(
        self, protocol: Protocol, job: str, began: float, *, canary: bool, is_late: bool = False
    ) -> None:
        self._protocol = protocol
        self.job = job
        """The name of the Job."""
        self._ready_by = began + protocol.ready_seconds
        self._ready_at = inf
        """When it was Ready for the first time."""
        self._was_ready = False
        """Whether the latest look found it Ready."""
        self._has_changed = False
        """Whether it has changed since the latest look was asked for."""
        self._looked_at = -inf
        self._deadline = inf
        """Of what the latest look found."""
        self.first_look = began + (protocol.canary_seconds if canary else 0.0)
        self.late_at = began + (0.0 if is_late else protocol.late_seconds)

    def look(self, now: float) -> None:
        """Note that a look is asked for."""
        self._looked_at = now
        self._has_changed = False

    def changed(self) -> None:
        """Note that something about the node has changed."""
        self._has_changed = True

    @property
    def next_look(self) -> float:
        """When to look next."""
        protocol = self._protocol
        soonest = self._looked_at + protocol.look_pause
        latest = soonest if self._has_changed else self._looked_at + protocol.look_interval
        if self._deadline > self._looked_at:
            latest = min(latest, self._deadline)
        return max(self.first_look, soonest, latest)

    def judged(self, service: Service) -> Verdict:
        """Return what the answer to the latest look means.

        A node that is Ready again after it was not has until the next look to report its handlers.
        """
        protocol, was_ready = self._protocol, self._was_ready
        self._was_ready = service is not Service.NOT_READY
        if self._was_ready:
            self._ready_at = min(self._ready_at, self._looked_at)
        served_by = self._ready_at + protocol.handler_seconds
        match service:
            case Service.NOT_READY:
                is_new = self._ready_at == inf
                self._deadline = self._ready_by if is_new else max(self._ready_by, served_by)
                return self._unless_waiting(Verdict.NOT_READY)
            case Service.NOT_SERVED:
                self._deadline = served_by
                return self._unless_waiting(Verdict.NOT_SERVED) if was_ready else Verdict.WAITING
            case Service.SERVED | Service.UNKNOWN:
                return Verdict.SERVES

    def _unless_waiting(self, verdict: Verdict) -> Verdict:
        return Verdict.WAITING if self._looked_at < self._deadline else verdict
