"""What the configuration and the state ask for: the input of planning, and of who works it off."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from kata_components.planning import demands
from kata_components.planning.approval import PARALLELISM, Approval
from kata_components.planning.demands import Demands
from kata_components.planning.host_digest import Contents, current, host_digests
from kata_components.planning.node_jobs import is_token_free
from kata_components.planning.ownership import Owner
from kata_components.planning.plan_document import Pace
from kata_components.planning.selection import Selection
from kata_components.planning.verdict import Rules
from kata_components.settings.wave_sizes import Size


@dataclass(frozen=True, kw_only=True)
class CleanupRequest:
    """What cleaning nodes takes; all of it comes from the stack's state."""

    namespace: str
    suffix: str
    job: Mapping[str, Any]
    """The template of the cleanup Jobs."""
    parallelism: int
    node_timeout_seconds: int
    dispatcher_job: Mapping[str, Any] | None = None
    """The Job of upstream's dispatcher, where that paces."""
    spared: Selection | None = None
    """A node that this selects when its turn comes is left as it is."""
    node_results: bool = False
    """Whether nodes that cannot be cleaned are reported (`NodeReports`)."""

    @property
    def digest(self) -> str:
        """The digest of what the Job does to a host."""
        return current(host_digests(self.job))


@dataclass(frozen=True, kw_only=True)
class InstallRequest:
    """What the configuration asks of a rollout."""

    owner: Owner
    """The stack that asks."""
    namespace: str
    suffix: str
    kata_version: str
    selection: Selection
    job: Mapping[str, Any]
    """The template of the install Jobs."""
    parallelism: int
    waves: tuple[Size, ...]
    """Their sizes."""
    max_failures: Size
    soak_seconds: int
    node_timeout_seconds: int
    not_ready: Literal["skip", "attempt"]
    existing: Literal["adopt", "install"] | None
    mounted: Contents = field(default_factory=dict)
    """What stands for the contents of the ConfigMaps that the Job mounts."""
    cleanup: CleanupRequest | None = None
    """With it, nodes that carry the mark and are no longer selected are cleaned."""
    approval: Approval | None = None
    """Binds the plan."""
    demands: Demands = demands.NONE
    architectures: Mapping[str, str] = field(default_factory=dict)
    """By architecture with shims: what the node program would refuse there, empty if nothing."""
    runs_in: Literal["pulumi", "cluster"] = "pulumi"
    node_results: bool = False
    """Whether nodes get what became of their Job, under the names of upstream's dispatcher."""
    cron_job: str = ""
    """The name of the CronJob that installs on late nodes, if there may be one."""

    @property
    def pace(self) -> Pace:
        """What an approved plan binds of the configuration, by its keys."""
        return {
            PARALLELISM: self.parallelism,
            "rollout.maxFailures": self.max_failures,
            "rollout.nodeTimeoutSeconds": self.node_timeout_seconds,
            "rollout.notReady": self.not_ready,
            "rollout.runsIn": self.runs_in,
            "rollout.soakSeconds": self.soak_seconds,
            "rollout.waves": [*self.waves],
        }

    def rules(self, installed_until: str = "") -> Rules:
        """Return what planning needs of it; `installed_until` as in `Rules`."""
        rules = Rules(
            suffix=self.suffix,
            namespace=self.namespace,
            digests=host_digests(self.job, self.mounted),
            waves=self.waves,
            soak_seconds=self.soak_seconds,
            not_ready=self.not_ready,
            existing=self.existing,
            demands=self.demands,
            installed_until=installed_until,
            tolerations=self.job["spec"]["template"]["spec"].get("tolerations", ())
            if is_token_free(self.job)
            else None,
            token_free=is_token_free(self.job),
        )
        return replace(rules, bound=self.approval.bound) if self.approval else rules
