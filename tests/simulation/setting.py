"""The fleet and the configuration of one simulated history, drawn by chance."""

import math
import random
from dataclasses import dataclass, replace
from typing import Literal

from tests.simulation.faults import Faults


@dataclass(frozen=True, kw_only=True)
class Setting:
    """`grace_seconds` is how long a pod outlives its Job; `patient` Job controllers wait for it.

    `quota` is how many Jobs, finished ones included, a namespace may hold; `ttl_seconds` is after
    how long somebody removes the failed ones.
    """

    nodes: int
    kinds: int
    parallelism: int
    max_failures: int | str
    sizes: tuple[str | int, ...]
    slowest_job: float
    soak_seconds: int = 0
    not_ready: Literal["skip", "attempt"] = "skip"
    grace_seconds: float = 0.0
    patient: bool = True
    quota: float = math.inf
    ttl_seconds: float = math.inf
    existing: Literal["adopt", "install"] | None = None
    foreign: int = 0
    """So many nodes have Kata of a Helm release; `existing` says what becomes of them."""
    tells_handlers: bool = False
    """Nodes say what their container runtimes serve."""
    cleans: bool = False
    """Nodes that are not selected any more are cleaned."""

    @classmethod
    def drawn(cls, rng: random.Random, faults: Faults) -> "Setting":
        drawn = cls(
            nodes=rng.randint(1, 8),
            kinds=rng.randint(1, 2),
            parallelism=rng.randint(1, 3),
            max_failures=rng.choice([0, 1, 3, 100]),
            sizes=rng.choice([(), ("canary", "100%"), ("canary", "50%", "100%"), (1, "100%")]),
            slowest_job=rng.choice([1.0, 20.0, 60.0]),
        )
        return drawn._with_configuration(rng, faults)._with_cluster(rng, faults)

    def _with_configuration(self, rng: random.Random, faults: Faults) -> "Setting":
        drawn = self
        if happens(rng, faults.large):
            drawn = replace(drawn, nodes=20, parallelism=rng.choice([4, 8]), slowest_job=20.0)
            drawn = replace(
                drawn, sizes=rng.choice([("canary", "10%", "100%"), (2, "25%", "100%")])
            )
        if happens(rng, faults.soaks):
            drawn = replace(drawn, soak_seconds=rng.choice([5, 30]))
        if happens(rng, faults.attempts):
            drawn = replace(drawn, not_ready="attempt")
        if happens(rng, faults.percentages):
            drawn = replace(drawn, max_failures=rng.choice(["0%", "10%", "34%", "50%", "100%"]))
        if happens(rng, faults.adopts):
            existing: Literal["adopt", "install"] = rng.choice(["adopt", "install"])
            drawn = replace(drawn, existing=existing, foreign=rng.randint(1, drawn.nodes))
        if happens(rng, faults.cleans):
            drawn = replace(drawn, cleans=True)
        return drawn

    def _with_cluster(self, rng: random.Random, faults: Faults) -> "Setting":
        drawn = replace(self, tells_handlers=rng.random() < 0.5)
        if happens(rng, faults.pod_outlives):
            patient = rng.random() < 0.5
            drawn = replace(drawn, grace_seconds=rng.choice([5.0, 30.0]), patient=patient)
        if happens(rng, faults.quota):
            drawn = replace(drawn, quota=drawn.parallelism + rng.choice([0, 2]))
        if happens(rng, faults.janitor):
            drawn = replace(drawn, ttl_seconds=rng.choice([30.0, 100.0]))
        return drawn

    @property
    def allowed(self) -> int:
        """How many nodes may fail; of a fleet that has lost nodes a share is no more."""
        if isinstance(self.max_failures, int):
            return self.max_failures
        return self.nodes * int(self.max_failures.removesuffix("%")) // 100

    def reach(self, total: int) -> list[int]:
        """Return up to how many of `total` nodes each wave goes.

        The canaries are watched on their own.
        """
        return [_reach(size, total) for size in self.sizes]


def _reach(size: str | int, total: int) -> int:
    if size == "canary":
        return 0
    return size if isinstance(size, int) else -(-total * int(size.removesuffix("%")) // 100)


def happens(rng: random.Random, probability: float) -> bool:
    """Draw. What can never happen takes no number, so that the other draws stay as they are."""
    return probability > 0.0 and rng.random() < probability
