"""`pulumi destroy` in job mode, or a switch to daemonset mode: the end of an installation."""

from dataclasses import dataclass

from kata_components import names
from kata_components.errors import GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.kubernetes.retry import until_answered
from kata_components.operations import fleet, installation
from kata_components.operations.claim import Claim
from kata_components.operations.cleanup import Cleanup
from kata_components.planning.ownership import Owner
from kata_components.planning.requests import CleanupRequest
from kata_components.runners.progress import Reporter
from kata_components.runners.run import hold_run
from kata_components.runners.runner import RunnerOf
from kata_components.wording import nodes


@dataclass(frozen=True, kw_only=True)
class UninstallRequest:
    """What is to end: the installation as the stack's state knows it."""

    namespace: str
    suffix: str
    stack: str
    installation: str
    """Its id."""
    cluster_uid: str
    cleanup: CleanupRequest | None
    """None if there are no nodes to clean."""
    abandoned: frozenset[str] = frozenset()
    """Names of nodes to give up if they are NotReady."""


async def uninstall(
    api: KubeApi, request: UninstallRequest, runner_of: RunnerOf, reporter: Reporter
) -> None:
    """Clean the nodes, then remove the Lease. Can be run again after any interruption.

    Raises:
        GuardError: this is another cluster, or the installation is not the one the state knows.
        LeaseHeldError: another run works on this installation; nothing was cleaned.
        RolloutFailedError: some nodes could not be cleaned.
        RolloutStoppedError: interrupted.
    """
    live_uid = await installation.cluster_uid(api)
    if live_uid != request.cluster_uid:
        msg = (
            f"this is not the cluster the stack installed on (kube-system UID {live_uid}, expected "
            f"{request.cluster_uid}); nothing was cleaned.\n"
            "  Restore its context or kubeconfig, and run `pulumi destroy` again.\n"
            "  If that cluster is gone for good: `pulumi state delete <URN of Installation>` "
            "(`pulumi stack --show-urns` has it)."
        )
        raise GuardError(msg)
    name = names.base(request.suffix)
    lease = await installation.find_lease(api, request.namespace, name)
    if lease is None:
        await _refuse_without_lease(api, request, name)
        return
    if await installation.forget_replaced(
        api, request.namespace, lease, stack=request.stack, installation=request.installation
    ):
        reporter.message("a newer Installation of this stack has taken over; no node is touched")
        return
    owner = Owner(request.installation, request.stack)
    async with hold_run(api, request.namespace, request.suffix, owner, reporter) as run:
        if request.cleanup:
            runner = runner_of(run)
            await runner.stop_old_dispatchers(request.cleanup)
            cleanup = Cleanup(
                run=run,
                runner=runner,
                request=request.cleanup,
                claim=Claim.parse(lease.metadata.annotation(names.CLAIM_ANNOTATION)),
                abandoned=request.abandoned,
            )
            await cleanup.carry_out()
            await until_answered(lambda: runner.remove_dispatchers(failed=False))
        run.lease.ends = True


async def _refuse_without_lease(api: KubeApi, request: UninstallRequest, name: str) -> None:
    if request.cleanup is None:
        return
    if touched := await fleet.touched_nodes(api, request.namespace, request.suffix):
        msg = (
            f"the Lease {request.namespace}/{name}, which identifies this installation, was "
            f"deleted, but its mark or its Jobs are still on {nodes(len(touched))}. Run "
            "`pulumi up` to restore the Lease, then `pulumi destroy`."
        )
        raise GuardError(msg)
