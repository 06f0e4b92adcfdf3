"""The check of `Rollout`: plans against the live cluster and shows the plan. Reads only."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import yaml
from msgspec import structs

from kata_components.errors import GuardError
from kata_components.kubernetes.api import KubeApi, Manifest
from kata_components.operations import installation, plan_lines, rehearsal
from kata_components.operations.preview import Preview, preview
from kata_components.planning import dispatcher_args, node_jobs, ownership, plan_document
from kata_components.planning.dispatcher_args import Batch
from kata_components.planning.node_work import InstallWork
from kata_components.planning.ownership import Owner
from kata_components.providers import engine, plan_file
from kata_components.providers.rights import missing_rights, rollout_rights
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.report.plan_record import PlanRecord
from kata_components.runners import cron_job
from kata_components.runners.cluster import install_batches

_ONE_LINE: Final = 1_000_000
"""Columns; so wide that no text of a manifest is broken."""


async def check(api: KubeApi, wanted: RolloutInputs) -> tuple[RolloutInputs, list[str]]:
    """Return the inputs with the plan, and the refusals; messages and plan.json have the details.

    The plan in the state is only counts and a digest: no names, and nothing that changes by itself.

    Raises:
        GuardError: `Preflight` has not let this pass, or the approved plan cannot be read.
        ClusterError: the cluster cannot be read.
    """
    await _insist_on_passed_guards(api, wanted)
    planned = await _plan(api, wanted)
    refusals = [*_shown(planned), *planned.obstacles]
    dispatcher_job = planned.dispatcher_job
    return structs.replace(
        wanted,
        plan=yaml.safe_dump(_counts(planned), sort_keys=False),
        dispatcher_job=yaml.safe_dump(dispatcher_job, sort_keys=False, width=_ONE_LINE)
        if dispatcher_job
        else wanted.dispatcher_job,
    ), refusals


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """What the rollout would do now."""

    inputs: RolloutInputs
    found: Preview
    batches: Sequence[Batch] = ()
    """The runs of the dispatcher, if it paces."""
    obstacles: Sequence[str] = ()
    """Why its Jobs would be refused."""
    is_suspended: bool = False
    """Whether an interrupted run has left the CronJob for late nodes suspended."""

    @property
    def dispatcher_job(self) -> Manifest | None:
        """The dispatcher's Job for the first run, if there is one."""
        if not self.inputs.dispatcher or not self.batches:
            return None
        request = self.inputs.request
        template = dispatcher_args.node_template(
            request.job, request.node_timeout_seconds, request.mounted
        )
        return dispatcher_args.dispatcher_job(self.inputs.dispatcher, self.batches[0], template)

    @property
    def first_job(self) -> Manifest | None:
        """The first Job that this identity would create, if any."""
        if self.inputs.dispatcher:
            return self.dispatcher_job
        plan = self.found.plan
        return rehearsal.first_job(InstallWork(self.inputs.request).stamp, plan.pending)


async def _insist_on_passed_guards(api: KubeApi, wanted: RolloutInputs) -> None:
    """Refuse a rollout that `Preflight` has not let pass, or whose Lease is another's.

    With `--target`, the engine skips other resources and passes on their last outputs. A preview
    may not know `passed`.
    """
    needed = wanted.to_pass(await installation.cluster_uid(api)).props()
    passed = wanted.passed.props() if wanted.passed else needed
    changed = [key for key, value in needed.items() if passed.get(key) != value]
    if changed:
        raise GuardError(
            f"the guard rails have not checked a changed {', '.join(changed)}: "
            "`--target` skips them. Run `pulumi preview` and `pulumi up` without it."
        )
    lease = await installation.find_lease(api, wanted.namespace, wanted.lease_name)
    if lease:
        # If the stack was renamed, the Lease gets the new name in this very run.
        stack = ownership.stack_of(lease.metadata) or wanted.stack
        ownership.insist(lease, Owner(wanted.installation_id, stack))


async def _plan(api: KubeApi, wanted: RolloutInputs) -> _Planned:
    found = await preview(api, wanted.request)
    suspended = bool(wanted.cron_job) and await cron_job.is_suspended(
        api, wanted.namespace, wanted.cron_job or ""
    )
    if not (found.plan.pending or found.plan.leftover or found.cleanup.pending or suspended):
        return _Planned(inputs=wanted, found=found)
    rights = rollout_rights(
        wanted.lease_name,
        watches_nodes=_watches_nodes(wanted, found),
        cron_job=wanted.cron_job or "",
    )
    obstacles = await missing_rights(api, wanted.namespace, rights)
    batches = (
        await install_batches(api, wanted.request.selection, found.plan)
        if wanted.dispatcher
        else []
    )
    planned = _Planned(inputs=wanted, found=found, batches=batches, is_suspended=suspended)
    if not found.refusals and (job := planned.first_job):
        obstacles += await rehearsal.refusals(api, wanted.namespace, wanted.suffix, job)
    return replace(planned, obstacles=obstacles)


def _watches_nodes(wanted: RolloutInputs, found: Preview) -> bool:
    """Whether the run watches nodes: it labels them itself, or keeps a label that others need."""
    if wanted.dispatcher:
        return False
    keeps_labels = any(step.keeps_label for step in found.cleanup.pending)
    return node_jobs.is_token_free(wanted.request.job) or keeps_labels


def _counts(planned: _Planned) -> dict[str, Any]:
    found = planned.found
    plan = found.plan
    pending = len(plan.pending) + len(found.cleanup.pending)
    counts = {"digest": plan.digest, "selected": len(plan.steps), "pending": pending} | plan.counts
    if plan.leftover:
        counts["leftover"] = plan.leftover
    if found.cleanup.pending:
        counts["cleanup"] = len(found.cleanup.pending)
    if planned.is_suspended:
        counts["suspended"] = True
    return counts


def _shown(planned: _Planned) -> list[str]:
    """Show the plan and write plan.json; return the refusals, with the way out if there is one."""
    found, inputs = planned.found, planned.inputs
    if found.refusals and not found.guards:
        return found.refusals
    written = plan_file.write(inputs, _document(planned))
    if found.refusals:
        return plan_file.with_way_out(found.refusals, written)
    if not found.plan.steps:
        engine.warning(plan_lines.nothing_selected(str(inputs.request.selection)), inputs.urn)
    lines = plan_lines.plan_lines(
        found.plan,
        parallelism=inputs.parallelism,
        cleanup=found.cleanup,
        deselected=found.deselected,
        full_list=written and written.shown,
    )
    if found.plan.pending and (privileged := node_jobs.privileged(inputs.request.job)):
        lines.append(plan_lines.privileges(privileged))
    if inputs.dispatcher:
        lines += filter(None, [dispatcher_args.summary(planned.batches, len(found.plan.pending))])
    if planned.is_suspended:
        lines.append(plan_lines.suspended(inputs.cron_job or ""))
    engine.info("\n".join(lines), inputs.urn)
    return []


def _document(planned: _Planned) -> PlanRecord:
    found, request = planned.found, planned.inputs.request
    confirmed = request.approval.confirmed(found.place) if request.approval else frozenset()
    document = plan_document.document(
        found.plan,
        place=found.place,
        pace=request.pace,
        cleanup=found.cleanup,
        guards={*found.guards, *confirmed},
    )
    return structs.replace(
        document,
        approved=request.approval.path if request.approval else "",
        refusals=(*found.refusals, *planned.obstacles),
        containers=plan_document.containers(request.job),
        kept=() if found.cleanup.steps else tuple(found.deselected),
    )
