"""The `Rollout` resource: job mode's installs, planned in check, paced in create and update.

Deleting it touches no node (docs/adr/0001): a rename, `--target-replace` or a switch of drivers must never uninstall a
fleet. `kata_components.providers.rollout.RolloutProvider` is stored in users' state and must stay importable.
"""

import functools
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

import pulumi
import yaml
from msgspec import structs
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from kata_components import names
from kata_components.errors import ClusterError, GuardError
from kata_components.foreign import printable
from kata_components.kubernetes.api import KubeApi, Manifest
from kata_components.providers import engine, plan_file, session
from kata_components.providers.boundary import boundary, refused
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.rights import missing_rights, rollout_rights
from kata_components.providers.row import Row
from kata_components.providers.wire import WireModel, has_unknowns
from kata_components.rollout import approval, demands, dispatch, report
from kata_components.rollout.demands import Demands
from kata_components.rollout.dispatch import Batch
from kata_components.rollout.waves import Size
from kata_components.runner import dispatch_install, rehearsal
from kata_components.runner.cleanup import CleanupRequest
from kata_components.runner.dispatch_install import install_runs
from kata_components.runner.fleet import Selection
from kata_components.runner.install import install, orders
from kata_components.runner.preview import InstallRequest, Preview, preview

_WIDE: Final = 1_000_000
"""Columns; no text of a manifest is broken."""


class RolloutInputs(WireModel, frozen=True, kw_only=True):
    """What the program asks for.

    `install_job` and `cleanup_job` are Job templates as YAML; with the latter, nodes that are not selected any more are
    cleaned. `mounted` has fingerprints of the files in the ConfigMaps they mount, `demands` are those on each node.
    `dispatcher_job` and `cleanup_dispatcher_job` are the Jobs of upstream's dispatcher as YAML, where that paces: as
    the contract has them from the program, the former told its nodes by check.
    `architectures` has what the node program would refuse on each. `plan` is put in by check.
    """

    urn: str
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
            approval=plan_file.approval(self.approved_plan),
            heeds_taints=self.dispatcher is not None and dispatch.does_node_work(self.dispatcher),
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
            dispatcher_job=yaml.safe_load(self.cleanup_dispatcher_job) if self.cleanup_dispatcher_job else None,
        )


class RolloutProvider(ClusterProvider):
    """Plans and paces installs. Stateless."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Plan against the live cluster, in preview and again in up; reads only.

        The plan's counts and digest become the input `plan`; names and reasons go to messages and to plan.json.
        """
        inputs = {key: value for key, value in news.items() if key != "__provider"}
        if has_unknowns(news):
            return CheckResult(inputs, [])
        with boundary("planning the rollout"):
            wanted = RolloutInputs.of(inputs)
            try:
                planned = session.read(self.target, functools.partial(_plan, inputs=wanted))
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, refused([str(error)]))
            refusals = [*_shown(planned, wanted), *planned.against]
            told = {"plan": _counts(planned.found), "dispatcher_job": _told(wanted, planned)}
            return CheckResult(structs.replace(wanted, **told).props(), refused(refusals))

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Say whether an update has work to do: nodes to install, Jobs to remove, another digest, a failure to settle.

        Finished work must not show as a difference, and nothing ever asks for a replacement.
        """
        if has_unknowns(news):
            return DiffResult(changes=True)
        plan = yaml.safe_load(news.get("plan") or "") or {}
        last = olds.get("outcome") or {}
        unsettled = bool(last.get("failed") or last.get("remaining"))
        work = plan.get("pending", 0) or plan.get("leftover", 0)
        return DiffResult(changes=bool(work) or plan.get("digest") != last.get("digest") or unsettled)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Carry out the first rollout. Raising saves nothing; the next up resumes from what the cluster holds."""
        inputs = RolloutInputs.of(props)
        return CreateResult(f"{inputs.namespace}/rollout{inputs.suffix and '-' + inputs.suffix}", self._rollout(inputs))

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Carry out the next rollout; raising keeps the old outputs."""
        return UpdateResult(self._rollout(RolloutInputs.of(news)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known; the nodes themselves are looked at by check."""
        outs = {key: value for key, value in props.items() if key != "__provider"}
        inputs = {key: value for key, value in outs.items() if key not in {"outcome", "failure"}}
        return ReadResult(id_, outs, inputs)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: cleaning nodes is `Installation`'s."""

    def _rollout(self, inputs: RolloutInputs) -> dict[str, Any]:
        """Plan once more and carry it out; return the outputs."""
        row = Row(inputs.urn)
        with boundary("the rollout"):
            work = functools.partial(install, request=inputs.request, say=row.say, on_progress=row.on_progress)
            if inputs.dispatcher:
                dispatched = functools.partial(dispatch_install.install, job=inputs.dispatcher)
                work = functools.partial(dispatched, request=inputs.request, say=row.say, on_progress=row.on_progress)
            left = session.DISPATCHED if inputs.dispatcher else session.PACED
            done = session.run(self.target, work, left=left)
            failure = printable(done.failure)
            outcome = done.outcome.output() | {"failure": failure}
            plan_file.write(inputs.report_dir, "rollout.json", outcome, inputs.urn)
            return inputs.props() | {"outcome": done.outcome.output(), "failure": failure}


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """What check finds; `runs` are the dispatcher's, where that paces. `against` is what its Jobs would meet."""

    found: Preview
    runs: list[Batch] = field(default_factory=list)
    against: list[str] = field(default_factory=list)


async def _plan(api: KubeApi, inputs: RolloutInputs) -> _Planned:
    request = inputs.request
    found = await preview(api, request)
    if not (found.plan.pending or found.plan.leftover or found.cleanup.pending):
        return _Planned(found=found)
    against = await missing_rights(api, request.namespace, rollout_rights(names.base(request.suffix)))
    runs = await install_runs(api, request.selection, found.plan) if inputs.dispatcher else []
    planned = _Planned(found=found, runs=runs)
    if not found.refusals and (job := _first_job(inputs, planned)):
        against += await rehearsal.refusals(api, request.namespace, request.suffix, job)
    return replace(planned, against=against)


def _first_job(inputs: RolloutInputs, planned: _Planned) -> Manifest | None:
    """Return the first Job that this identity would create."""
    if inputs.dispatcher:
        return yaml.safe_load(_told(inputs, planned) or "") if planned.runs else None
    plan = planned.found.plan
    return rehearsal.first_job(orders(inputs.request, plan).stamp, plan.pending)


def _told(inputs: RolloutInputs, planned: _Planned) -> str | None:
    """Return the dispatcher's Job for the first run; the program's where there is nothing to run."""
    if not inputs.dispatcher or not planned.runs:
        return inputs.dispatcher_job
    request = inputs.request
    template = dispatch.node_template(request.job, request.node_timeout_seconds, request.mounted)
    job = dispatch.dispatcher_job(inputs.dispatcher, planned.runs[0], template)
    return yaml.safe_dump(job, sort_keys=False, width=_WIDE)


def _counts(found: Preview) -> str:
    """Return the plan as it stands in the state: counts and the digest, no names, nothing that moves by itself."""
    plan = found.plan
    pending = len(plan.pending) + len(found.cleanup.pending)
    counts = {"digest": plan.digest, "selected": len(plan.steps), "pending": pending} | plan.counts
    if plan.leftover:
        counts["leftover"] = plan.leftover
    if found.cleanup.pending:
        counts["cleanup"] = len(found.cleanup.pending)
    return yaml.safe_dump(counts, sort_keys=False)


def _shown(planned: _Planned, inputs: RolloutInputs) -> list[str]:
    """Tell the plan and write plan.json, or return the refusals; with those that can be confirmed, how."""
    found = planned.found
    if found.refusals and not found.guards:
        return found.refusals
    written = plan_file.write(inputs.report_dir, plan_file.PLAN, _document(found, inputs), inputs.urn)
    if found.refusals:
        return plan_file.with_way_out(found.refusals, written)
    if not found.plan.steps:
        engine.warning(report.nothing_selected(str(inputs.request.selection)), inputs.urn)
    lines = report.plan_lines(
        found.plan,
        parallelism=inputs.parallelism,
        cleanup=found.cleanup,
        deselected=found.deselected,
        full_list=written,
    )
    if inputs.dispatcher:
        lines += filter(None, [dispatch.summary(planned.runs, len(found.plan.pending))])
    engine.info("\n".join(lines), inputs.urn)
    return []


def _document(found: Preview, inputs: RolloutInputs) -> dict[str, Any]:
    approved = inputs.request.approval
    confirmed = {*found.guards, *(approved.guards if approved else ())}
    return approval.document(found.plan, parallelism=inputs.parallelism, cleanup=found.cleanup, guards=confirmed)


class Rollout(Resource, module="kata", name="Rollout"):
    """One rollout to all selected nodes; `outcome` is O(1) in their number, `failure` is empty when all went well."""

    outcome: pulumi.Output[dict[str, Any]]
    failure: pulumi.Output[str]
    plan: pulumi.Output[str]

    def __init__(self, name: str, inputs: RolloutInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = {"plan": None, "outcome": None, "failure": None}
        super().__init__(RolloutProvider(), name, {**outputs, **inputs.props()}, opts)
