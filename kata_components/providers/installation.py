"""The `Installation` resource: the anchor. Its check holds the guard rails, its delete is the paced cleanup.

Always there, under a constant name, before `Rollout`: a failed first rollout leaves nothing in the state, and what it
did to nodes must still be cleaned (docs/adr/0001). Everything cleanup needs is in the outputs, because destroy does not
run the program. `kata_components.providers.installation.InstallationProvider` is stored in users' state.
"""

import functools
import os
from collections.abc import Sequence
from typing import Any, Final, Literal

import pulumi
import yaml
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from kata_components import names
from kata_components.errors import ApiError, ClusterError, GuardError
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import engine, plan_file, session
from kata_components.providers.boundary import boundary
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.wire import WireModel, has_unknowns
from kata_components.rollout import approval, guards, report
from kata_components.rollout.guards import Refusal
from kata_components.rollout.phase import Progress
from kata_components.runner import anchor, fleet
from kata_components.runner.anchor import Ending, ObjectName
from kata_components.runner.cleanup import ABANDON_VARIABLE, CleanupRequest

_MISSING = "missing"
_OF_ONE_RUN: Final = {"approved_plan": None, "report_dir": None}
"""Inputs that say nothing about the installation."""


class InstallationInputs(WireModel):
    """What the program asks for.

    `cleanup_job` is the Job template as YAML (job mode only), `dispatcher_job` the Job of upstream's dispatcher as YAML
    (only where that paces). `objects` are the Kubernetes objects of the program as `apiVersion plural namespace name`;
    `pod_template` is a digest of the DaemonSet's pods (daemonset mode only).
    `cluster_uid` and `lease` are put in by check; `report_dir` and `approved_plan` are as in `RolloutInputs`.
    """

    urn: str
    stack: str
    kata_version: str
    deployment_mode: Literal["daemonset", "job"]
    namespace: str
    suffix: str = ""
    parallelism: int = 1
    node_timeout_seconds: int = 3600
    cleanup_job: str | None = None
    dispatcher_job: str | None = None
    pod_template: str | None = None
    objects: tuple[str, ...] = ()
    report_dir: str | None = None
    approved_plan: str | None = None
    cluster_uid: str | None = None
    lease: str | None = None

    @property
    def lease_name(self) -> str:
        """The name of the Lease in the cluster."""
        return names.base(self.suffix)

    def guarded(self) -> dict[str, Any]:
        """Return what must not change while the installation exists."""
        return {"deploymentMode": self.deployment_mode, "suffix": self.suffix, "namespace": self.namespace}


class InstallationOutputs(InstallationInputs):
    """The inputs, and the id that is also in the cluster."""

    installation_id: str

    def ending(self) -> Ending:
        """What delete has to end."""
        cleanup = self.cleanup_job and CleanupRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            job=yaml.safe_load(self.cleanup_job),
            parallelism=self.parallelism,
            node_timeout_seconds=self.node_timeout_seconds,
            dispatcher_job=yaml.safe_load(self.dispatcher_job) if self.dispatcher_job else None,
        )
        return Ending(
            namespace=self.namespace,
            suffix=self.suffix,
            stack=self.stack,
            installation=self.installation_id,
            cluster_uid=self.cluster_uid or "",
            cleanup=cleanup or None,
            abandoned=frozenset(filter(None, os.environ.get(ABANDON_VARIABLE, "").split(","))),
        )


class InstallationProvider(ClusterProvider):
    """Guards, identifies and ends an installation. Stateless."""

    def check(self, olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what the next up must not do; reads only. `olds` are the last checked inputs, empty on create."""
        inputs = {key: value for key, value in news.items() if key != "__provider"}
        if has_unknowns(news):
            return CheckResult(inputs, [])
        with boundary("checking the installation"):
            wanted = InstallationInputs.of(inputs)
            before = InstallationInputs.of(olds) if olds and "clusterUid" in olds else None
            where = self.target
            try:
                checked, refusals = session.read(
                    where, functools.partial(_check, before=before, wanted=wanted, context=where.context)
                )
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, [CheckFailure("", str(error))])
            return CheckResult(checked.props(), [CheckFailure("", text) for text in _told(refusals, wanted)])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Say whether what cleaning needs has changed, or the Lease has to be restored."""
        if has_unknowns(news):
            return DiffResult(changes=True)
        wanted, known = (InstallationInputs.of(props).model_copy(update=_OF_ONE_RUN) for props in (news, olds))
        return DiffResult(changes=wanted != known)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Name the installation in the cluster. Instant."""
        with boundary("creating the installation"):
            inputs = InstallationInputs.of(props)
            identity = session.run(
                self.target,
                lambda api: anchor.establish(api, inputs.namespace, inputs.lease_name, stack=inputs.stack),
            )
            return CreateResult(identity, _outputs(inputs, identity))

    def update(self, id_: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Keep what cleaning needs up to date; restore the Lease if it was deleted."""
        with boundary("updating the installation"):
            inputs = InstallationInputs.of(news)
            session.run(
                self.target,
                lambda api: anchor.restore(
                    api, inputs.namespace, inputs.lease_name, stack=inputs.stack, installation=id_
                ),
            )
            return UpdateResult(_outputs(inputs, id_))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known. Never reported as gone: without the anchor nothing would clean the nodes."""
        outs = {key: value for key, value in props.items() if key != "__provider"}
        return ReadResult(id_, outs, {key: value for key, value in outs.items() if key != "installationId"})

    def delete(self, _id: str, props: dict[str, Any]) -> None:
        """Clean the nodes, paced, then remove the Lease. Raising keeps the resource, and destroy can be run again."""
        with boundary("cleaning the nodes"):
            known = InstallationOutputs.of(props)

            def say(text: str) -> None:
                engine.info(text, known.urn)

            def on_progress(progress: Progress, seconds: float) -> None:
                engine.status(report.progress_line("cleaned", progress, seconds), known.urn)

            session.run(
                self.target,
                lambda api: anchor.end(api, known.ending(), say=say, on_progress=on_progress),
                left=session.DISPATCHED if known.dispatcher_job else session.PACED,
            )


def _outputs(inputs: InstallationInputs, identity: str) -> dict[str, Any]:
    settled = inputs.model_copy(update={"lease": None})
    return settled.props() | {"installationId": identity}


async def _check(
    api: KubeApi, before: InstallationInputs | None, wanted: InstallationInputs, context: str
) -> tuple[InstallationInputs, list[Refusal]]:
    """Return the inputs with what the cluster adds, and the refusals that no approved plan confirms."""
    approved = plan_file.approval(wanted.approved_plan)
    uid = await anchor.cluster_uid(api)
    met = [guards.cluster(before.cluster_uid if before else None, uid, context)]
    elsewhere = met[0] is not None
    if before and not elsewhere:
        met += await _check_change(api, before, wanted)
    elif not elsewhere:
        met += await _check_first(api, wanted)
    refusals = guards.unconfirmed(met, approved.guards if approved else ())
    if refusals:
        return wanted, refusals
    if not await anchor.namespace_exists(api, wanted.namespace):
        text = f"namespace {wanted.namespace} does not exist: `kubectl create namespace {wanted.namespace}`"
        return wanted, [Refusal(text)]
    lease = await anchor.find_lease(api, wanted.namespace, wanted.lease_name)
    state = _MISSING if before and lease is None else None
    return wanted.model_copy(update={"cluster_uid": uid, "lease": state}), []


async def _check_first(api: KubeApi, wanted: InstallationInputs) -> list[Refusal | None]:
    lease = await anchor.find_lease(api, wanted.namespace, wanted.lease_name)
    owner = lease.metadata.annotation(names.STACK_ANNOTATION) if lease else None
    foreign = await anchor.helm_objects(api, [_object(text) for text in wanted.objects])
    return [
        guards.other_stack(owner, wanted.stack, f"{wanted.namespace}/{wanted.lease_name}"),
        guards.foreign_objects(foreign),
    ]


async def _check_change(api: KubeApi, before: InstallationInputs, wanted: InstallationInputs) -> list[Refusal | None]:
    lower = guards.is_downgrade(before.kata_version, wanted.kata_version)
    if before.guarded() == wanted.guarded() and not lower:
        await _announce_restart(api, before, wanted)
        return []
    marked = len(await fleet.marked_nodes(api, before.suffix))
    return [
        guards.identity(before.guarded(), wanted.guarded(), marked),
        guards.downgrade(before.kata_version, wanted.kata_version, marked),
    ]


def _told(refusals: Sequence[Refusal], wanted: InstallationInputs) -> list[str]:
    """Return the texts of refusals. Where an approved plan could confirm them all, write one that names them."""
    texts = [refusal.text for refusal in refusals]
    if not refusals or wanted.deployment_mode != "job" or not all(refusal.guard for refusal in refusals):
        return texts
    document = approval.guards_only(refusal.guard for refusal in refusals)
    written = plan_file.write(wanted.report_dir, plan_file.PLAN, document, wanted.urn)
    return plan_file.with_way_out(texts, written)


async def _announce_restart(api: KubeApi, before: InstallationInputs, wanted: InstallationInputs) -> None:
    """Say how many pods a change of the DaemonSet restarts, and Kata's artefacts and the runtime with them."""
    if before.pod_template == wanted.pod_template or wanted.deployment_mode != "daemonset":
        return
    try:
        status = (await api.get_daemon_set(wanted.namespace, wanted.lease_name)).status
    except ApiError:
        return  # Not there yet, so nothing restarts.
    count = (status and status.current_number_scheduled) or 0
    engine.warning(
        f"this change restarts the pods of DaemonSet {wanted.lease_name} on {count} nodes: each removes Kata, installs "
        "it again and restarts the node's container runtime (upstream #12761)",
        wanted.urn,
    )


def _object(text: str) -> ObjectName:
    api_version, plural, namespace, name = text.split(" ")
    return ObjectName(api_version=api_version, plural=plural, namespace=namespace, name=name)


class Installation(Resource, module="kata", name="Installation"):
    """The anchor of one installation on one cluster."""

    installation_id: pulumi.Output[str]
    cluster_uid: pulumi.Output[str]

    def __init__(self, name: str, inputs: InstallationInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = {"installationId": None, "clusterUid": None}
        super().__init__(InstallationProvider(), name, {**outputs, **inputs.props()}, opts)
