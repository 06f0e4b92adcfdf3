"""The `Rollout` resource: job mode's installs, planned in check, paced in create and update.

Deleting it touches no node (docs/adr/0001): a rename, `--target-replace` or a switch of drivers
must never uninstall a fleet. `kata_components.providers.rollout.RolloutProvider` is stored in
users' state and must stay importable.
"""

import functools
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

from kata_components.foreign import printable
from kata_components.operations.install import install
from kata_components.providers import plan_file, session
from kata_components.providers.cluster_provider import ClusterProvider
from kata_components.providers.errors import provider_errors
from kata_components.providers.properties import unknowns, without_provider
from kata_components.providers.resource_log import ResourceLog
from kata_components.providers.rollout_check import check
from kata_components.providers.rollout_inputs import FROM_OTHER_RESOURCES, RolloutInputs
from kata_components.runners import cluster_install


class RolloutProvider(ClusterProvider):
    """Plans and paces installs. Stateless."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Plan against the live cluster, in preview and again in up; reads only.

        The plan's counts and digest become the input `plan`; names and reasons go to messages and
        to plan.json.
        """
        return self.checked(
            "planning the rollout", RolloutInputs, news, check, maybe_unknown=FROM_OTHER_RESOURCES
        )

    def diff(self, _id: str, olds: dict[str, Any], news: dict[str, Any]) -> DiffResult:
        """Say whether an update has work to do: nodes to install, Jobs to remove, another digest, a failure to settle.

        Finished work must not show as a difference, and nothing ever asks for a replacement.
        """
        if unknowns(news).keys() - FROM_OTHER_RESOURCES:
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
        others = {"installationId": installation_id, "passed": passed}
        super().__init__(RolloutProvider(), name, {**outputs, **inputs.props(), **others}, opts)
