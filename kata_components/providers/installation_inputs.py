"""The inputs and outputs of `Installation`: all that guarding and uninstalling it needs."""

import os
from typing import Self

import yaml
from msgspec import structs

from kata_components.operations.cleanup import ABANDON_VARIABLE
from kata_components.operations.objects_there import ObjectName
from kata_components.operations.uninstall import UninstallRequest
from kata_components.planning.requests import CleanupRequest
from kata_components.providers.common_inputs import GuardedInputs


class InstallationInputs(GuardedInputs, frozen=True, kw_only=True):
    """What the program asks for."""

    parallelism: int = 1
    node_timeout_seconds: int = 3600
    cleanup_job: str | None = None
    """The template of the cleanup Jobs as YAML; job mode only."""
    dispatcher_job: str | None = None
    """The Job of upstream's dispatcher for cleanups as YAML, if it paces."""
    node_results: bool | None = None
    """Whether nodes that cannot be cleaned are reported on the node and as an Event."""
    lease: str | None = None
    """The installation that the Lease names; added by check for diff to compare."""

    @property
    def lasting(self) -> Self:
        """What the state keeps and diff compares: all but what matters to a single run."""
        return structs.replace(super().lasting, lease=None)

    @property
    def to_adopt(self) -> tuple[ObjectName, ...]:
        """The objects to take over if a Helm release has them."""
        return tuple(map(ObjectName.parse, self.objects)) if self.existing == "adopt" else ()


class InstallationOutputs(InstallationInputs, frozen=True, kw_only=True):
    """The inputs, and the id that the Lease in the cluster names, too."""

    installation_id: str

    def uninstall_request(self) -> UninstallRequest:
        """Return what delete has to remove.

        Nodes to give up come from the environment: a destroy does not see new configuration.
        """
        cleanup = self.cleanup_job and CleanupRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            job=yaml.safe_load(self.cleanup_job),
            parallelism=self.parallelism,
            node_timeout_seconds=self.node_timeout_seconds,
            dispatcher_job=yaml.safe_load(self.dispatcher_job) if self.dispatcher_job else None,
            node_results=bool(self.node_results),
        )
        return UninstallRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            stack=self.stack,
            installation=self.installation_id,
            cluster_uid=self.cluster_uid or "",
            cleanup=cleanup or None,
            abandoned=frozenset(
                filter(None, map(str.strip, os.environ.get(ABANDON_VARIABLE, "").split(",")))
            ),
        )
