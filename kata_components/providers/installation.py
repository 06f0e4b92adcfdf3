"""The `Installation` resource: the anchor that names the installation; its delete cleans the nodes.

It always exists, under a constant name, before `Rollout`: a failed first rollout leaves nothing in
the state, but what it did to nodes must still be cleaned (docs/adr/0001). The outputs hold
everything that cleaning needs, because destroy does not run the program.
`kata_components.providers.installation.InstallationProvider` is stored in users' state.
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
from kata_components.operations import adoption, installation, other_installers
from kata_components.operations.uninstall import uninstall
from kata_components.providers import engine, paced_session, session
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.errors import provider_errors
from kata_components.providers.installation_check import check
from kata_components.providers.installation_inputs import InstallationInputs, InstallationOutputs
from kata_components.providers.properties import unknowns, without_provider
from kata_components.providers.resource_log import ResourceLog


class InstallationProvider(ClusterProvider):
    """Identifies and uninstalls an installation. Stateless."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what this run must not do; `olds` are the last checked inputs, empty on create."""
        return self.checked(
            "checking the installation",
            InstallationInputs,
            news,
            lambda api, wanted: check(
                api, InstallationInputs.before(olds), wanted, str(self.target(wanted))
            ),
        )

    def diff(self, id_: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Return whether cleaning needs other inputs, or the Lease is missing or another's."""
        if unknowns(news):
            return DiffResult(changes=True)
        wanted, known = InstallationInputs.of(news), InstallationInputs.of(olds)
        return DiffResult(
            changes=wanted.lasting != known.lasting or wanted.lease not in (None, id_)
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Name the installation in the cluster."""
        with provider_errors("creating the installation"):
            inputs = InstallationInputs.of(props)
            establish = functools.partial(_establish, inputs=inputs)
            identity = session.run(self.target(inputs), establish)
            return CreateResult(identity, _outputs(inputs, identity))

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Update what cleaning needs; restore the Lease if it was deleted."""
        with provider_errors("updating the installation"):
            inputs = InstallationInputs.of(news)
            restore = functools.partial(_restore, inputs=inputs, identity=id_)
            session.run(self.target(inputs), restore)
            return UpdateResult(_outputs(inputs, id_))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known, never that it is gone: nothing else would clean the nodes."""
        outs = without_provider(props)
        return ReadResult(
            id_, outs, {key: value for key, value in outs.items() if key != "installationId"}
        )

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Clean the nodes, paced, then remove the Lease.

        An error keeps the resource, so destroy can be run again.
        """
        with provider_errors("cleaning the nodes"):
            known = InstallationOutputs.of(props)
            log, request = ResourceLog(known.urn), known.uninstall_request()
            paced_session.run(
                self.target(known),
                request.cleanup.dispatcher_job if request.cleanup else None,
                lambda api, runner_of: uninstall(api, request, runner_of, log),
            )


def _outputs(inputs: InstallationInputs, identity: str) -> dict[str, Any]:
    return inputs.lasting.props() | {"installationId": identity}


async def _establish(api: KubeApi, inputs: InstallationInputs) -> str:
    identity = await installation.establish(
        api, inputs.namespace, inputs.lease_name, stack=inputs.stack
    )
    await _take_over(api, inputs)
    return identity


async def _restore(api: KubeApi, inputs: InstallationInputs, identity: str) -> None:
    await installation.restore(
        api, inputs.namespace, inputs.lease_name, stack=inputs.stack, installation=identity
    )
    await _take_over(api, inputs)


async def _take_over(api: KubeApi, inputs: InstallationInputs) -> None:
    if inputs.to_adopt and await other_installers.is_of_another_installer(
        api, inputs.namespace, inputs.suffix
    ):
        # First, since nothing else shows afterwards that there was a release.
        await installation.note_takeover(api, inputs.namespace, inputs.lease_name)
    done = await adoption.adopt(api, inputs.to_adopt)
    if done:
        engine.warning(done, inputs.urn)


class Installation(Resource, module="kata", name="Installation"):
    """The anchor of one installation on one cluster."""

    installationId: pulumi.Output[str]  # noqa: N815 - the name of the output in the state

    def __init__(
        self,
        name: str,
        inputs: InstallationInputs,
        identity: pulumi.Inputs,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register it; `identity` has its own URN and, if the state keeps it, its cluster."""
        props = {"installationId": None, **inputs.props(), **identity}
        super().__init__(InstallationProvider(), name, props, opts)
