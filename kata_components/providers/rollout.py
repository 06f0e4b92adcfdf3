"""The `Rollout` resource: the installs of job mode, planned by check, run by create and update.

Deleting it touches no node (docs/adr/0001): a rename, `--target-replace` or a switch of drivers
must never uninstall a fleet. `kata_components.providers.rollout.RolloutProvider` is stored in
users' state.
"""

from dataclasses import replace
from typing import Any

import pulumi
import yaml
from pulumi.dynamic import (
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    UpdateResult,
)

from kata_components.errors import KataDeployError
from kata_components.foreign import printable
from kata_components.operations.install import Installed, install
from kata_components.providers import paced_session, rollout_report
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.errors import provider_errors
from kata_components.providers.properties import unknowns, without_provider
from kata_components.providers.resource_log import ResourceLog
from kata_components.providers.rollout_check import check
from kata_components.providers.rollout_inputs import FROM_OTHER_RESOURCES, RolloutInputs


class RolloutProvider(ClusterProvider):
    """Plans and runs rollouts. Stateless."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Plan against the live cluster, in preview and again in up.

        The input `plan` gets the plan's counts and digest; messages and plan.json tell the rest.
        """
        return self.checked(
            "planning the rollout",
            RolloutInputs,
            news,
            check,
            maybe_unknown=FROM_OTHER_RESOURCES,
            postponed="`pulumi up` makes the plan and shows it before it starts",
        )

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Return whether an update has work to do, in this plan or left over from the last rollout.

        Finished work must not show as a difference, and nothing may cause a replacement.
        """
        if unknowns(news).keys() - FROM_OTHER_RESOURCES:
            return DiffResult(changes=True)
        plan = yaml.safe_load(news.get("plan") or "") or {}
        last = olds.get("outcome") or {}
        unsettled = bool(last.get("failed") or last.get("remaining"))
        work = plan.get("pending") or plan.get("leftover") or plan.get("suspended")
        return DiffResult(
            changes=bool(work) or plan.get("digest") != last.get("digest") or unsettled
        )

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Run the first rollout.

        An error saves nothing; the next up resumes from what the cluster holds.
        """
        inputs = RolloutInputs.of(props)
        return CreateResult(
            inputs.resource_id("rollout"), self._rollout(inputs, inputs.cron_job or "")
        )

    def update(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> UpdateResult:
        """Run the next rollout; an error keeps the old outputs.

        A CronJob that is not wanted any more is deleted only after this.
        """
        inputs = RolloutInputs.of(news)
        return UpdateResult(self._rollout(inputs, inputs.cron_job or olds.get("cronJob") or ""))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Return what is known; only check reads the nodes."""
        outs = without_provider(props)
        inputs = {key: value for key, value in outs.items() if key not in {"outcome", "failure"}}
        return ReadResult(id_, outs, inputs)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Do nothing: `Installation` cleans the nodes."""

    def _rollout(self, inputs: RolloutInputs, cron_job: str) -> dict[str, Any]:
        """Plan again and carry the plan out beside no `cron_job`; return the outputs."""
        log = ResourceLog(inputs.urn)
        with provider_errors("the rollout"):
            request = replace(inputs.request, cron_job=cron_job)
            cut_off: list[Installed] = []
            try:
                done = paced_session.run(
                    self.target(inputs),
                    inputs.dispatcher,
                    lambda api, runner_of: install(api, request, runner_of, log, cut_off.append),
                )
            except KataDeployError as error:
                for reached in cut_off:
                    rollout_report.write(inputs, replace(reached, failure=str(error)))
                raise
            failure = printable(done.failure)
            rollout_report.write(inputs, done)
            return inputs.props() | {"outcome": done.outcome.output(), "failure": failure}


class Rollout(Resource, module="kata", name="Rollout"):
    """One rollout to all selected nodes."""

    outcome: pulumi.Output[dict[str, Any]]
    """Counts and failed nodes; does not grow with the fleet."""
    failure: pulumi.Output[str]
    """The complete text of a failure; empty if all went well."""
    plan: pulumi.Output[str]
    """Counts and digest of the plan."""

    def __init__(
        self,
        name: str,
        inputs: RolloutInputs,
        identity: pulumi.Inputs,
        *,
        installation_id: pulumi.Input[str],
        passed: pulumi.Input[dict[str, Any]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Register it; `identity` has its own URN and, if the state keeps it, its cluster.

        `installation_id` comes from `Installation`, `passed` from `Preflight`.
        """
        outputs = {"plan": None, "outcome": None, "failure": None}
        others = {"installationId": installation_id, "passed": passed}
        props = {**outputs, **inputs.props(), **identity, **others}
        super().__init__(RolloutProvider(), name, props, opts)
