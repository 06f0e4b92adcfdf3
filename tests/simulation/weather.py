"""Lasting trouble with the API server: out of reach, refusing, slow, or stuck at one request."""

import random
from dataclasses import dataclass
from math import inf

from kata_components.errors import ApiError, KubeconfigError, UnreachableError
from tests.model.fake_api import forbidden, server_error

WEBHOOK_LIMIT = 30.0
"""The longest time that an admission webhook may take."""
LONGEST_WAIT = 200.0
"""A run that has begun to pace waits at least this long for an unreachable API server."""


@dataclass
class Weather:
    """The troubles; `…_until` is the world's time at which each one ends."""

    down_until: float = 0.0
    """The API server is out of reach."""
    denied_until: float = 0.0
    """It refuses credentials or rights."""
    plugin_fails_until: float = 0.0
    refuses: bool = False
    """Whether requests have ever been refused for long."""
    is_long: bool = False
    """Whether an outage has ever been longer than a run waits."""
    slow_until: float = 0.0
    slow_seconds: float = 0.0
    """How long a webhook takes with each new Job."""
    stuck_until: float = 0.0
    stuck_call: str = ""
    """The kind of request that is stuck."""
    stuck_error: Exception | None = None
    """The answer to it."""
    denial: Exception | None = None
    """The answer to every request while credentials or rights are refused."""

    def change(self, fault: str, now: float, rng: random.Random) -> None:
        """Begin one of `CHANGES`."""
        self.refuses |= fault in {"denied", "stuck"}
        match fault:
            case "outage":
                self.down_until = now + self._noted(rng.choice([5.0, 30.0, 400.0]))
            case "denied":
                self.denied_until = now + rng.choice([20.0, 200.0, inf])
                self.denial = rng.choice(
                    [forbidden("do it"), ApiError(401, "Unauthorized", "Unauthorized")]
                )
            case "plugin_fails":
                self.plugin_fails_until = now + self._noted(rng.choice([3.0, 60.0, 200.0, inf]))
            case "slow_writes":
                self.slow_until = now + rng.choice([60.0, inf])
                self.slow_seconds = rng.choice([4.0, 9.0, 11.0, WEBHOOK_LIMIT])
            case "stuck":
                self.stuck_until = now + rng.choice([60.0, 200.0, inf])
                self.stuck_call, self.stuck_error = rng.choice(STUCK)

    def clear_up(self) -> None:
        self.down_until = self.denied_until = self.plugin_fails_until = self.slow_until = (
            self.stuck_until
        ) = 0.0

    def _noted(self, seconds: float) -> float:
        self.is_long |= seconds > LONGEST_WAIT
        return seconds

    def no_credential(self, now: float, *, had_one: bool) -> Exception | None:
        """Return why no request can be sent, None if one can.

        With a plugin that has worked before, the client waits.
        """
        if now >= self.plugin_fails_until:
            return None
        return UnreachableError(PLUGIN_FAILED) if had_one else KubeconfigError(PLUGIN_FAILED)

    def refusal(self, name: str, now: float) -> Exception | None:
        """Return the error that answers this kind of request, None for the usual answer."""
        if now < self.stuck_until and name == self.stuck_call:
            return self.stuck_error
        return self.denial if now < self.denied_until else None


CHANGES = ("outage", "denied", "plugin_fails", "slow_writes", "stuck")
"""The faults that change the weather."""


PLUGIN_FAILED = "the credential plugin aws failed: could not connect to sts"
_THROTTLED = ApiError(429, "TooManyRequests", "slow down", 1.0)
_BUSY = ApiError(409, "Conflict", "the object has been modified")
STUCK: list[tuple[str, Exception]] = [
    ("create_job", _THROTTLED),
    ("patch_node", _THROTTLED),
    ("patch_node", _BUSY),
    ("patch_node", server_error()),
    ("list_jobs", server_error()),
    ("watch_jobs", server_error()),
    ("get_node", server_error()),
    ("list_pods", server_error()),
    ("delete_job", server_error()),
]
