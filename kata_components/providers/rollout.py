"""The `Rollout` resource: job mode's installs, planned in check, paced in create and update.

Deleting it touches no node (docs/adr/0001): a rename, `--target-replace` or a switch of drivers
must never uninstall a fleet. `kata_components.providers.rollout.RolloutProvider` is stored in
users' state and must stay importable.
"""

import functools
from dataclasses import dataclass, field, replace
from typing import Any, Final

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
from kata_components.operations import rehearsal, report
from kata_components.operations.install import install
from kata_components.operations.preview import Preview, preview
from kata_components.planning import approval, dispatcher_args
from kata_components.planning.dispatcher_args import Batch
from kata_components.planning.node_work import InstallWork
from kata_components.providers import engine, plan_file, session
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.errors import check_failures, provider_errors
from kata_components.providers.properties import has_unknowns, without_provider
from kata_components.providers.provenance import Passed, stale, untold
from kata_components.providers.resource_log import ResourceLog
from kata_components.providers.rights import missing_rights, rollout_rights
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.runners import cluster_install
from kata_components.runners.cluster_install import install_runs

_WIDE: Final = 1_000_000
"""Columns; no text of a manifest is broken."""


class RolloutProvider(ClusterProvider):
    """Plans and paces installs. Stateless."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Plan against the live cluster, in preview and again in up; reads only.

        The plan's counts and digest become the input `plan`; names and reasons go to messages and
        to plan.json.
        """
        inputs = without_provider(news)
        later = untold(inputs)
        known = {key: value for key, value in inputs.items() if key not in later}
        if has_unknowns(known):
            return CheckResult(inputs, [])
        with provider_errors("planning the rollout"):
            wanted = RolloutInputs.of(known)
            try:
                planned = session.read(self.cluster, functools.partial(_plan, inputs=wanted))
            except (ClusterError, GuardError) as error:
                return CheckResult(inputs, check_failures([str(error)]))
            refusals = [*_shown(planned, wanted), *planned.against]
            told = {"plan": _counts(planned.found), "dispatcher_job": _told(wanted, planned)}
            return CheckResult(
                structs.replace(wanted, **told).props() | later, check_failures(refusals)
            )

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Say whether an update has work to do: nodes to install, Jobs to remove, another digest, a failure to settle.

        Finished work must not show as a difference, and nothing ever asks for a replacement.
        """
        later = untold(news)
        if has_unknowns({key: value for key, value in news.items() if key not in later}):
            return DiffResult(changes=True)
        plan = yaml.safe_load(news.get("plan") or "") or {}
        last = olds.get("outcome") or {}
        unsettled = bool(last.get("failed") or last.get("remaining"))
        work = plan.get("pending", 0) or plan.get("leftover", 0)
        return DiffResult(
            changes=bool(work) or plan.get("digest") != last.get("digest") or unsettled
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Carry out the first rollout.

        Raising saves nothing; the next up resumes from what the cluster holds.
        """
        inputs = RolloutInputs.of(props)
        return CreateResult(
            f"{inputs.namespace}/rollout{inputs.suffix and '-' + inputs.suffix}",
            self._rollout(inputs),
        )

    def update(self, _id: str, _olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Carry out the next rollout; raising keeps the old outputs."""
        return UpdateResult(self._rollout(RolloutInputs.of(news)))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known; the nodes themselves are looked at by check."""
        outs = without_provider(props)
        inputs = {key: value for key, value in outs.items() if key not in {"outcome", "failure"}}
        return ReadResult(id_, outs, inputs)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: cleaning nodes is `Installation`'s."""

    def _rollout(self, inputs: RolloutInputs) -> dict[str, Any]:
        """Plan once more and carry it out; return the outputs."""
        log = ResourceLog(inputs.urn)
        with provider_errors("the rollout"):
            work = functools.partial(
                install, request=inputs.request, say=log.say, on_progress=log.on_progress
            )
            if inputs.dispatcher:
                dispatched = functools.partial(cluster_install.install, job=inputs.dispatcher)
                work = functools.partial(
                    dispatched, request=inputs.request, say=log.say, on_progress=log.on_progress
                )
            left = session.DISPATCHED if inputs.dispatcher else session.PACED
            done = session.run(self.cluster, work, left=left)
            failure = printable(done.failure)
            outcome = done.outcome.output() | {"failure": failure}
            plan_file.write(inputs.report_dir, "rollout.json", outcome, inputs.urn)
            return inputs.props() | {"outcome": done.outcome.output(), "failure": failure}


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """What check finds; `runs` are the dispatcher's, where that paces.

    `against` is what its Jobs would meet.
    """

    found: Preview
    runs: list[Batch] = field(default_factory=list)
    against: list[str] = field(default_factory=list)


async def _plan(api: KubeApi, inputs: RolloutInputs) -> _Planned:
    request = inputs.request
    about = Passed(
        cluster_uid="",
        kata_version=inputs.kata_version,
        namespace=inputs.namespace,
        suffix=inputs.suffix,
    )
    other = await stale(api, about, inputs.passed, request.owner)
    if other:
        raise GuardError(other)
    found = await preview(api, request)
    if not (found.plan.pending or found.plan.leftover or found.cleanup.pending):
        return _Planned(found=found)
    against = await missing_rights(
        api, request.namespace, rollout_rights(names.base(request.suffix))
    )
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
    return rehearsal.first_job(InstallWork(inputs.request).stamp, plan.pending)


def _told(inputs: RolloutInputs, planned: _Planned) -> str | None:
    """Return the dispatcher's Job for the first run.

    The program's where there is nothing to run.
    """
    if not inputs.dispatcher or not planned.runs:
        return inputs.dispatcher_job
    request = inputs.request
    template = dispatcher_args.node_template(
        request.job, request.node_timeout_seconds, request.mounted
    )
    job = dispatcher_args.dispatcher_job(inputs.dispatcher, planned.runs[0], template)
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
    """Tell the plan and write plan.json, or return the refusals.

    With those that can be confirmed, how.
    """
    found = planned.found
    if found.refusals and not found.guards:
        return found.refusals
    written = plan_file.write(
        inputs.report_dir, plan_file.PLAN, _document(found, inputs), inputs.urn
    )
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
        lines += filter(None, [dispatcher_args.summary(planned.runs, len(found.plan.pending))])
    engine.info("\n".join(lines), inputs.urn)
    return []


def _document(found: Preview, inputs: RolloutInputs) -> dict[str, Any]:
    request = inputs.request
    confirmed = {
        *found.guards,
        *(request.approval.confirmed(found.place) if request.approval else ()),
    }
    return approval.document(
        found.plan, place=found.place, pace=request.pace, cleanup=found.cleanup, guards=confirmed
    )


class Rollout(Resource, module="kata", name="Rollout"):
    """One rollout to all selected nodes.

    `outcome` is O(1) in their number, `failure` is empty when all went well.
    """

    outcome: pulumi.Output[dict[str, Any]]
    failure: pulumi.Output[str]
    plan: pulumi.Output[str]

    def __init__(
        self,
        name: str,
        inputs: RolloutInputs,
        *,
        installation_id: pulumi.Input[str],
        passed: pulumi.Input[dict[str, Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register it; `installation_id` is `Installation`'s and `passed` `Preflight`'s."""
        outputs = {"plan": None, "outcome": None, "failure": None}
        told = {"installationId": installation_id, "passed": passed}
        super().__init__(RolloutProvider(), name, {**outputs, **inputs.props(), **told}, opts)
