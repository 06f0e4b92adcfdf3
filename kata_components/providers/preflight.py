"""The `Preflight` resource: the guard rails, on which all other resources depend (docs/adr/0001).

It represents nothing in the cluster. Its purpose is its check, which runs before any other resource
is touched, even without a preview. For the same reason, it writes the labels that nodes need before
RuntimeClasses ask for them.
`kata_components.providers.preflight.PreflightProvider` is stored in users' state.
"""

import functools
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

from kata_components.kubernetes.api import KubeApi
from kata_components.operations import installation
from kata_components.operations.prelabel import prelabel
from kata_components.planning import ownership
from kata_components.planning.ownership import Owner
from kata_components.providers import session
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.errors import provider_errors
from kata_components.providers.preflight_check import check
from kata_components.providers.preflight_inputs import PreflightInputs
from kata_components.providers.properties import unknowns, without_provider
from kata_components.providers.resource_log import ResourceLog


class PreflightProvider(ClusterProvider):
    """Checks the guard rails. Stateless."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what this run must not do; `olds` are the last checked inputs, empty on create."""
        return self.checked(
            "checking what the program may do",
            PreflightInputs,
            news,
            lambda api, wanted: check(
                api, PreflightInputs.before(olds), wanted, str(self.target(wanted))
            ),
            postponed="`pulumi up` checks the guard rails before it changes anything",
        )

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Return whether other resources read what changed, or nodes have to be labelled."""
        if unknowns(news):
            return DiffResult(changes=True)
        return DiffResult(
            changes=PreflightInputs.of(news).lasting != PreflightInputs.of(olds).lasting
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Label the nodes that need it, and store what was checked."""
        inputs = self._prelabelled(props)
        return CreateResult(inputs.resource_id("preflight"), inputs.kept.props())

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Label the nodes that need it, and store what was checked."""
        return UpdateResult(self._prelabelled(news).kept.props())

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known: there is nothing in the cluster to read."""
        known = without_provider(props)
        return ReadResult(id_, known, known)

    def _prelabelled(self, props: dict[str, Any]) -> PreflightInputs:
        with provider_errors("labelling nodes ahead of an upgrade"):
            inputs = PreflightInputs.of(props)
            if inputs.nodes_to_label:
                work = functools.partial(_prelabel, inputs=inputs)
                session.run(self.target(inputs), work, left=session.LABELLED)
            return inputs

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: there is nothing in the cluster to delete."""


async def _prelabel(api: KubeApi, inputs: PreflightInputs) -> None:
    if inputs.prelabel is None:
        return
    lease = await installation.find_lease(api, inputs.namespace, inputs.lease_name)
    former = lease and ownership.stack_of(lease.metadata) == inputs.former_stack
    # If the stack was renamed, `Installation` gives the Lease the new name later in this run.
    stack = (former and inputs.former_stack) or inputs.stack
    await prelabel(api, inputs.prelabel, Owner(None, stack), ResourceLog(inputs.urn))


class Preflight(Resource, module="kata", name="Preflight"):
    """What was checked before anything changed."""

    passed: pulumi.Output[dict[str, Any]]
    """What `Rollout` is told, as `Passed`."""

    def __init__(
        self,
        name: str,
        inputs: PreflightInputs,
        identity: pulumi.Inputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register it; `identity` has its own URN and, if the state keeps it, its cluster."""
        props = {"passed": None, **inputs.props(), **identity}
        super().__init__(PreflightProvider(), name, props, opts)
