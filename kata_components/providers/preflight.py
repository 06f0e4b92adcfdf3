"""The `Preflight` resource: the guard rails, on which all other resources depend (docs/adr/0001).

It represents nothing in the cluster and writes nothing. Its purpose is its check, which runs before
any other resource is touched, even without a preview.
`kata_components.providers.preflight.PreflightProvider` is stored in users' state.
"""

from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.errors import provider_errors
from kata_components.providers.preflight_check import check
from kata_components.providers.preflight_inputs import PreflightInputs
from kata_components.providers.properties import unknowns, without_provider


class PreflightProvider(ClusterProvider):
    """Checks the guard rails. Stateless."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what this run must not do; `olds` are the last checked inputs, empty on create."""
        return self.checked(
            "checking what the program may do",
            PreflightInputs,
            news,
            lambda api, wanted: check(
                api, PreflightInputs.before(olds), wanted, self.cluster.context
            ),
        )

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Return whether anything changed that other resources read."""
        if unknowns(news):
            return DiffResult(changes=True)
        return DiffResult(
            changes=PreflightInputs.of(news).lasting != PreflightInputs.of(olds).lasting
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Store what was checked."""
        with provider_errors("storing what was checked"):
            inputs = PreflightInputs.of(props)
            return CreateResult(inputs.resource_id("preflight"), inputs.lasting.props())

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Store what was checked."""
        with provider_errors("storing what was checked"):
            return UpdateResult(PreflightInputs.of(news).lasting.props())

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known: there is nothing in the cluster to read."""
        known = without_provider(props)
        return ReadResult(id_, known, known)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: there is nothing in the cluster to delete."""


class Preflight(Resource, module="kata", name="Preflight"):
    """What was checked before anything changed."""

    passed: pulumi.Output[dict[str, Any]]
    """What `Rollout` is told, as `Passed`."""

    def __init__(
        self, name: str, inputs: PreflightInputs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(PreflightProvider(), name, {"passed": None, **inputs.props()}, opts)
