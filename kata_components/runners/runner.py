"""What carries plans out (`rollout.runsIn`): this process, or upstream's dispatcher."""

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

from kata_components.pacing.progress import Failure
from kata_components.pacing.times import NodeTimes
from kata_components.planning.plan import Plan
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.runners.run import Run


@dataclass(frozen=True, kw_only=True)
class InstallResult:
    """What became of the installs of a plan. Nodes are given by name."""

    done: Collection[str]
    failures: Sequence[Failure]
    skipped: Sequence[Failure] = ()
    """Left out, because they are no longer as planned."""
    untried: Sequence[str] = ()
    """Failed in an earlier run and not tried again."""
    remaining: int = 0
    """How many others were not started."""
    working: Collection[str] = ()
    """Begun and not ended: only where the run was interrupted."""
    stop_reason: str = ""
    """Why they were not."""
    still_tainted: Sequence[Failure] = ()
    """Done, but their startup taints could not be lifted."""
    warning: str = ""
    """What went wrong and is not the failure of a node."""
    times: Mapping[str, NodeTimes] = field(default_factory=dict)
    """By node, for those that have started, if the runner knows."""

    @property
    def whole(self) -> bool:
        """Whether nothing of the plan is left, as far as nodes tell."""
        return not (self.failures or self.untried or self.remaining or self.working)


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """What became of the cleanups of a plan."""

    nodes: Sequence[str]
    failures: Sequence[Failure]
    skipped: Sequence[Failure]
    """Left out, because they are no longer as planned."""
    times: Mapping[str, NodeTimes] = field(default_factory=dict)
    """As for installs."""


NONE_CLEANED: Final = Cleaned(nodes=[], failures=[], skipped=[])


class Runner(Protocol):
    """Carries plans out while a run holds the Lease.

    Raises `RolloutStoppedError` if the Lease is lost or no progress is possible, and `ClusterError`
    if the API server refuses for good.
    """

    async def stop_old_dispatchers(self, request: InstallRequest | CleanupRequest) -> None:
        """Stop the dispatchers that earlier runs left at work, before the request is planned.

        A dispatcher that does what is requested is followed instead, by a runner that uses it.
        """

    async def install(
        self, request: InstallRequest, planned: Plan, replan: Callable[[], Awaitable[Plan]]
    ) -> InstallResult:
        """Carry out a plan; return when nothing is left that may be started.

        `replan` plans the request once more, on the cluster as it is then.
        """

    @property
    def reached(self) -> InstallResult | None:
        """How far `install` has come, also when it raised; None if that is not known."""

    async def clean(self, request: CleanupRequest, planned: Plan) -> Cleaned:
        """Carry out a cleanup plan; return when every node of it is settled."""

    async def remove_dispatchers(self, *, failed: bool) -> None:
        """Remove dispatchers that have ended; `failed`: the work has, which its own may explain."""


RunnerOf = Callable[[Run], Runner]
"""Makes the runner of a run."""
