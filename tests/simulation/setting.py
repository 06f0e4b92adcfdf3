"""The fleet and the configuration of one simulated history, drawn by chance."""

import math
import random
from dataclasses import dataclass, replace
from typing import Literal

from tests.simulation.faults import Faults


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What stays the same for the whole of a history."""

    nodes: int
    """The size of the fleet at the beginning."""
    kinds: int
    """How many kinds of nodes there are, each with its own canary."""
    parallelism: int
    max_failures: int | str
    sizes: tuple[str | int, ...]
    """`rollout.waves`."""
    slowest_job: float
    """How much longer than the shortest Job any other takes, in seconds."""
    soak_seconds: int = 0
    not_ready: Literal["skip", "attempt"] = "skip"
    grace_seconds: float = 0.0
    """How long pods go on after they were told to end."""
    patient: bool = True
    """Whether the Job controller waits for the pods of a Job that exceeds its deadline."""
    quota: float = math.inf
    """How many Jobs, including finished ones, a namespace may hold."""
    ttl_seconds: float = math.inf
    """After how long somebody removes failed Jobs."""
    existing: Literal["adopt", "install"] | None = None
    foreign: int = 0
    """How many nodes have Kata of a Helm release."""
    tells_handlers: bool = False
    """Whether nodes report the handlers of their container runtimes."""
    cleans: bool = False
    """Whether nodes that are no longer selected are cleaned."""
    token_free: bool = False
    """Whether Jobs leave labels and taints of their nodes to whoever paces, at least at the end."""
    upgrades: bool = False
    """Whether that is not so from the beginning."""
    startup_taint: str = ""
    """The key of a taint that new nodes carry until they serve Kata."""
    slow_handlers: bool = False
    """Whether container runtimes often report their handlers only after a while."""
    slow_nodes: bool = False
    """Whether nodes are often NotReady for a while behind a Job."""
    is_k3s: bool = False
    """Whether kubelets restart with the container runtime, and register old labels again."""

    @classmethod
    def drawn(cls, rng: random.Random, faults: Faults, seed: int = 0) -> "Setting":
        setting = cls(
            nodes=rng.randint(1, 8),
            kinds=rng.randint(1, 2),
            parallelism=rng.randint(1, 3),
            max_failures=rng.choice([0, 1, 3, 100]),
            sizes=rng.choice([(), ("canary", "100%"), ("canary", "50%", "100%"), (1, "100%")]),
            slowest_job=rng.choice([1.0, 20.0, 60.0]),
        )
        setting = _with_cluster(_with_configuration(setting, rng, faults), rng, faults)
        # A generator of its own: the histories without these faults stay what they are.
        return _with_protocol(setting, random.Random(f"protocol {seed}"), faults)

    @property
    def allowed(self) -> int:
        """How many nodes may fail; for a share, of the fleet before any node has left."""
        if isinstance(self.max_failures, int):
            return self.max_failures
        return self.nodes * int(self.max_failures.removesuffix("%")) // 100

    def reach(self, total: int) -> list[int]:
        """Return how many of `total` nodes may have started by the end of each wave.

        A wave of canaries counts as 0: they are checked on their own.
        """
        return [_reach(size, total) for size in self.sizes]


def _with_configuration(setting: Setting, rng: random.Random, faults: Faults) -> Setting:
    if happens(rng, faults.large):
        setting = replace(setting, nodes=20, parallelism=rng.choice([4, 8]), slowest_job=20.0)
        sizes: list[tuple[str | int, ...]] = [("canary", "10%", "100%"), (2, "25%", "100%")]
        setting = replace(setting, sizes=rng.choice(sizes))
    if happens(rng, faults.soaks):
        setting = replace(setting, soak_seconds=rng.choice([5, 30]))
    if happens(rng, faults.attempts):
        setting = replace(setting, not_ready="attempt")
    if happens(rng, faults.percentages):
        setting = replace(setting, max_failures=rng.choice(["0%", "10%", "34%", "50%", "100%"]))
    if happens(rng, faults.adopts):
        existing: Literal["adopt", "install"] = rng.choice(["adopt", "install"])
        setting = replace(setting, existing=existing, foreign=rng.randint(1, setting.nodes))
    if happens(rng, faults.cleans):
        setting = replace(setting, cleans=True)
    return setting


def _with_cluster(setting: Setting, rng: random.Random, faults: Faults) -> Setting:
    setting = replace(setting, tells_handlers=rng.random() < 0.5)
    if happens(rng, faults.pod_outlives):
        patient = rng.random() < 0.5
        setting = replace(setting, grace_seconds=rng.choice([5.0, 30.0]), patient=patient)
    if happens(rng, faults.quota):
        setting = replace(setting, quota=setting.parallelism + rng.choice([0, 2]))
    if happens(rng, faults.janitor):
        setting = replace(setting, ttl_seconds=rng.choice([30.0, 100.0]))
    return setting


def _with_protocol(setting: Setting, rng: random.Random, faults: Faults) -> Setting:
    if not happens(rng, faults.token_free):
        return setting
    tainted = happens(rng, faults.startup_taints)
    return replace(
        setting,
        token_free=True,
        upgrades=happens(rng, faults.upgrades),
        startup_taint="example.com/no-kata-yet" if tainted else "",
        slow_handlers=happens(rng, faults.handlers_late),
        slow_nodes=happens(rng, faults.ready_late),
        is_k3s=happens(rng, faults.old_labels),
    )


def _reach(size: str | int, total: int) -> int:
    if size == "canary":
        return 0
    return size if isinstance(size, int) else -(-total * int(size.removesuffix("%")) // 100)


def happens(rng: random.Random, probability: float) -> bool:
    """Draw by chance; what can never happen takes no random number and shifts no other draw."""
    return probability > 0.0 and rng.random() < probability
