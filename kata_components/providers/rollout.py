"""The `Rollout` resource: job mode's installs, planned in check, paced in create and update.

Deleting it touches no node (docs/adr/0001): a rename, `--target-replace` or a switch of drivers must never uninstall a
fleet. `kata_components.providers.rollout.RolloutProvider` is stored in users' state and must stay importable.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path
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
from kata_components.errors import ClusterError, KataDeployError
from kata_components.kubernetes.api import KubeApi
from kata_components.providers import engine, session
from kata_components.providers.boundary import boundary
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.rights import missing_rights, rollout_rights
from kata_components.providers.wire import WireModel, has_unknowns
from kata_components.rollout import dispatch, report
from kata_components.rollout.dispatch import Batch
from kata_components.rollout.phase import Progress
from kata_components.rollout.plan import Plan
from kata_components.rollout.waves import Size
from kata_components.runner import dispatch_install
from kata_components.runner.dispatch_install import install_runs
from kata_components.runner.fleet import Selection
from kata_components.runner.install import Installed, InstallRequest, install, preview

_WIDE: Final = 1_000_000
"""Columns; no text of a manifest is broken."""


class RolloutInputs(WireModel):
    """What the program asks for. `install_job` is the Job template as YAML; `plan` is put in by check.

    `dispatcher_job` is the Job of upstream's dispatcher as YAML, where that paces: as the contract has it from the
    program, told its nodes by check.
    """

    urn: str
    namespace: str
    suffix: str = ""
    kata_version: str
    nodes: tuple[str, ...] = ()
    selector: str = ""
    install_job: str
    dispatcher_job: str | None = None
    parallelism: int
    waves: tuple[Size, ...] = ()
    max_failures: Size
    soak_seconds: int
    node_timeout_seconds: int
    not_ready: Literal["skip", "attempt"]
    existing: Literal["adopt", "install"] | None = None
    report_dir: str | None = None
    plan: str | None = None

    @functools.cached_property
    def dispatcher(self) -> dict[str, Any] | None:
        """The Job of upstream's dispatcher, where that paces."""
        return yaml.safe_load(self.dispatcher_job) if self.dispatcher_job else None

    @functools.cached_property
    def request(self) -> InstallRequest:
        """What the runner needs of it."""
        return InstallRequest(
            namespace=self.namespace,
            suffix=self.suffix,
            kata_version=self.kata_version,
            selection=Selection(nodes=self.nodes, selector=self.selector),
            job=yaml.safe_load(self.install_job),
            parallelism=self.parallelism,
            sizes=self.waves,
            max_failures=self.max_failures,
            soak_seconds=self.soak_seconds,
            node_timeout_seconds=self.node_timeout_seconds,
            not_ready=self.not_ready,
            existing=self.existing,
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
                found = session.read(self.target, functools.partial(_plan, inputs=wanted))
            except ClusterError as error:
                return CheckResult(inputs, [CheckFailure("", str(error))])
            if not found.refusals:
                _show(found, wanted)
            told = {"plan": _counts(found.plan), "dispatcher_job": _told(wanted, found)}
            planned = wanted.model_copy(update=told)
            return CheckResult(planned.props(), [CheckFailure("", text) for text in found.refusals])

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Say whether an update has work to do: nodes to install, another digest, or an old failure to settle.

        Finished work must not show as a difference, and nothing ever asks for a replacement.
        """
        if has_unknowns(news):
            return DiffResult(changes=True)
        plan = yaml.safe_load(news.get("plan") or "") or {}
        last = olds.get("outcome") or {}
        unsettled = bool(last.get("failed") or last.get("remaining"))
        changed = plan.get("pending", 0) > 0 or plan.get("digest") != last.get("digest") or unsettled
        return DiffResult(changes=changed)

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
        """Plan once more, say so before the first write, and carry it out; return the outputs."""
        with boundary("the rollout"):
            left = session.DISPATCHED if inputs.dispatcher else session.PACED
            done = session.run(self.target, functools.partial(_carry_out, inputs=inputs), left=left)
            _write(inputs, "rollout.json", done.outcome.output() | {"failure": done.failure})
            return inputs.props() | {"outcome": done.outcome.output(), "failure": done.failure}


@dataclass(frozen=True, kw_only=True)
class _Planned:
    """What check finds: the plan, the dispatcher runs it needs where that paces, and what stands against it."""

    plan: Plan
    runs: list[Batch]
    refusals: list[str]


async def _plan(api: KubeApi, inputs: RolloutInputs) -> _Planned:
    request = inputs.request
    found = await preview(api, request)
    runs, missing = [], []
    if found.plan.pending:
        missing = await missing_rights(api, request.namespace, rollout_rights(names.base(request.suffix)))
        runs = await install_runs(api, request.selection, found.plan) if inputs.dispatcher else []
    return _Planned(plan=found.plan, runs=runs, refusals=[*found.refusals, *missing])


async def _carry_out(api: KubeApi, inputs: RolloutInputs) -> Installed:
    request = inputs.request
    found = await preview(api, request)
    if found.refusals:
        raise KataDeployError("\n".join(found.refusals))
    engine.info(report.plan_summary(found.plan, inputs.parallelism), inputs.urn)

    def on_progress(progress: Progress, seconds: float) -> None:
        engine.status(report.progress_line("installed", progress, seconds), inputs.urn)

    def say(text: str) -> None:
        engine.info(text, inputs.urn)

    if inputs.dispatcher:
        return await dispatch_install.install(
            api, request, inputs.dispatcher, found.plan, say=say, on_progress=on_progress
        )
    return await install(api, request, found.plan, say=say, on_progress=on_progress)


def _told(inputs: RolloutInputs, found: _Planned) -> str | None:
    """Return the dispatcher's Job for the first run; the program's where there is nothing to run."""
    if not inputs.dispatcher or not found.runs:
        return inputs.dispatcher_job
    job = dispatch.dispatcher_job(inputs.dispatcher, found.runs[0], found.plan.digest)
    return yaml.safe_dump(job, sort_keys=False, width=_WIDE)


def _counts(plan: Plan) -> str:
    """Return the plan as it stands in the state: counts and the digest, no names, nothing that moves by itself."""
    counts = {"digest": plan.digest, "selected": len(plan.steps), "pending": len(plan.pending)} | plan.counts
    return yaml.safe_dump(counts, sort_keys=False)


def _show(found: _Planned, inputs: RolloutInputs) -> None:
    written = _write(inputs, "plan.json", found.plan.document())
    lines = report.plan_lines(found.plan, parallelism=inputs.parallelism, full_list=written)
    if inputs.dispatcher:
        lines += filter(None, [dispatch.summary(found.runs, len(found.plan.pending))])
    engine.info("\n".join(lines), inputs.urn)


def _write(inputs: RolloutInputs, name: str, document: dict[str, Any]) -> str | None:
    """Write a report into rollout.reportDir, if there is one; return its path."""
    if inputs.report_dir is None:
        return None
    path = Path(inputs.report_dir) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n")
    except OSError as error:
        # Also after a rollout: its outcome must not be lost over a report.
        engine.warning(f"{path} could not be written ({error.strerror}); see rollout.reportDir", inputs.urn)
        return None
    return str(path)


class Rollout(Resource, module="kata", name="Rollout"):
    """One rollout to all selected nodes; `outcome` is O(1) in their number, `failure` is empty when all went well."""

    outcome: pulumi.Output[dict[str, Any]]
    failure: pulumi.Output[str]
    plan: pulumi.Output[str]

    def __init__(self, name: str, inputs: RolloutInputs, opts: pulumi.ResourceOptions | None = None) -> None:
        outputs = {"plan": None, "outcome": None, "failure": None}
        super().__init__(RolloutProvider(), name, {**outputs, **inputs.props()}, opts)
