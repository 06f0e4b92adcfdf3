"""What the program asks of a rollout, and what the resources before it tell."""

import functools
from typing import Any, Literal

import yaml

from kata_components.planning import demands, dispatcher_args
from kata_components.planning.demands import Demands
from kata_components.planning.ownership import Owner
from kata_components.planning.requests import CleanupRequest, InstallRequest
from kata_components.planning.selection import Selection
from kata_components.planning.waves import Size
from kata_components.providers import plan_file
from kata_components.providers.properties import PropertyModel
from kata_components.providers.provenance import Passed


class RolloutInputs(PropertyModel, frozen=True, kw_only=True):
    """What the program asks for.

    `install_job` and `cleanup_job` are Job templates as YAML; with the latter, nodes that are not
    selected any more are cleaned. `mounted` has fingerprints of the files in the ConfigMaps they
    mount, `demands` are those on each node. `dispatcher_job` and `cleanup_dispatcher_job` are the
    Jobs of upstream's dispatcher as YAML, where that paces: as the contract has them from the
    program, the former told its nodes by check. `architectures` has what the node program would
    refuse on each. `installation_id` is `Installation`'s and `passed` `Preflight`'s; a preview may
    not know them yet. `plan` is put in by check.
    """

    urn: str
    stack: str
    installation_id: str | None = None
    passed: Passed | None = None
    namespace: str
    suffix: str = ""
    kata_version: str
    nodes: tuple[str, ...] = ()
    selectors: tuple[str, ...] = ()
    install_job: str
    mounted: dict[str, dict[str, str]] | None = None
    architectures: dict[str, str] | None = None
    parallelism: int
    waves: tuple[Size, ...] = ()
    max_failures: Size
    soak_seconds: int
    node_timeout_seconds: int
    not_ready: Literal["skip", "attempt"]
    existing: Literal["adopt", "install"] | None = None
    report_dir: str | None = None
    approved_plan: str | None = None
    cleanup_job: str | None = None
    dispatcher_job: str | None = None
    cleanup_dispatcher_job: str | None = None
    demands: Demands = demands.NONE
    plan: str | None = None

    @functools.cached_property
    def dispatcher(self) -> dict[str, Any] | None:
        """The Job of upstream's dispatcher, where that paces."""
        return yaml.safe_load(self.dispatcher_job) if self.dispatcher_job else None

    @functools.cached_property
    def request(self) -> InstallRequest:
        """What the runner needs of it.

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
            sizes=self.waves,
            max_failures=self.max_failures,
            soak_seconds=self.soak_seconds,
            node_timeout_seconds=self.node_timeout_seconds,
            not_ready=self.not_ready,
            existing=self.existing,
            cleanup=self._cleanup,
            demands=self.demands,
            approval=plan_file.approval(self.approved_plan, self.report_dir),
            runs_in="cluster" if self.dispatcher else "pulumi",
            heeds_taints=self.dispatcher is not None
            and dispatcher_args.does_node_work(self.dispatcher),
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
        )
