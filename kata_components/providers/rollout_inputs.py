"""The inputs of `Rollout`: what the program asks for, and what other resources add."""

import functools
from typing import Any, Final, Literal

import yaml

from kata_components.planning import demands
from kata_components.planning.demands import Demands
from kata_components.planning.ownership import Owner
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.providers import plan_file
from kata_components.providers.common_inputs import CommonInputs, Passed
from kata_components.settings.wave_sizes import Size

FROM_OTHER_RESOURCES: Final = frozenset({"installationId", "passed"})
"""The inputs that come from `Installation` and `Preflight`; a preview may not know them yet."""


class RolloutInputs(CommonInputs, frozen=True, kw_only=True):
    """What the program asks for; other resources and check add to it."""

    nodes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    install_job: str
    """The template of the install Jobs as YAML."""
    mounted: dict[str, dict[str, str]] | None = None
    """Fingerprints of the files in the ConfigMaps that the install Jobs mount."""
    architectures: dict[str, str] | None = None
    """By architecture: what the node program would refuse there."""
    demands: Demands = demands.NONE
    """What every node must offer."""
    parallelism: int
    waves: tuple[Size, ...] = ()
    max_failures: Size
    soak_seconds: int
    node_timeout_seconds: int
    not_ready: Literal["skip", "attempt"]
    dispatcher_job: str | None = None
    """The Job of upstream's dispatcher for installs as YAML, if it paces; check adds its nodes."""
    cleanup_job: str | None = None
    """The template of the cleanup Jobs as YAML: with it, deselected nodes are cleaned."""
    cleanup_dispatcher_job: str | None = None
    """The Job of upstream's dispatcher for those cleanups as YAML, if it paces."""
    cron_job: str | None = None
    """The name of the CronJob that installs on late nodes, if there is one."""
    node_results: bool | None = None
    """Whether this version's nodes get what became of their Job."""
    installation_id: str | None = None
    """From `Installation`."""
    passed: Passed | None = None
    """From `Preflight`."""
    plan: str | None = None
    """Counts and digest of the plan as YAML; added by check."""

    @functools.cached_property
    def dispatcher(self) -> dict[str, Any] | None:
        """The Job of upstream's dispatcher for installs, if it paces."""
        return yaml.safe_load(self.dispatcher_job) if self.dispatcher_job else None

    @functools.cached_property
    def request(self) -> InstallRequest:
        """What planning and runners need.

        Raises:
            GuardError: the approved plan cannot be read.
        """
        return InstallRequest(
            owner=Owner(self.installation_id, self.stack),
            namespace=self.namespace,
            suffix=self.suffix,
            kata_version=self.kata_version,
            selection=Selection(nodes=self.nodes, selectors=self.selectors),
            job=yaml.safe_load(self.install_job),
            mounted=self.mounted or {},
            architectures=self.architectures or {},
            parallelism=self.parallelism,
            waves=self.waves,
            max_failures=self.max_failures,
            soak_seconds=self.soak_seconds,
            node_timeout_seconds=self.node_timeout_seconds,
            not_ready=self.not_ready,
            existing=self.existing,
            cleanup=self._cleanup,
            demands=self.demands,
            approval=plan_file.approval(self.approved_plan, self.report_dir),
            runs_in="cluster" if self.dispatcher else "pulumi",
            node_results=bool(self.node_results),
        )

    @property
    def _cleanup(self) -> CleanupRequest | None:
        if self.cleanup_job is None:
            return None
        return CleanupRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            job=yaml.safe_load(self.cleanup_job),
            parallelism=self.parallelism,
            node_timeout_seconds=self.node_timeout_seconds,
            dispatcher_job=yaml.safe_load(self.cleanup_dispatcher_job)
            if self.cleanup_dispatcher_job
            else None,
            node_results=bool(self.node_results),
        )
