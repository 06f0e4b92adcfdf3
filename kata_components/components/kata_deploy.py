"""The root component: one installation of Kata on one cluster."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pulumi
import pulumi_kubernetes

from kata_components.components import tokens
from kata_components.components.custom_runtimes import CustomRuntimes
from kata_components.components.daemon_set_installer import (
    DaemonSetInstaller,
    DaemonSetInstallerArgs,
)
from kata_components.components.dispatcher_hook import DispatcherHook
from kata_components.components.inputs import (
    installation_inputs,
    preflight_inputs,
    rollout_inputs,
)
from kata_components.components.job_templates import JobTemplates
from kata_components.components.kata_deploy_args import KataDeployArgs
from kata_components.components.monitor import Monitor
from kata_components.components.mounted_configs import MountedConfigs
from kata_components.components.node_feature_discovery import NodeFeatureDiscovery
from kata_components.components.node_feature_rules import NodeFeatureRules, NodeFeatureRulesArgs
from kata_components.components.node_rbac import NodeRbac
from kata_components.components.outcome_hook import fail_on_outcome
from kata_components.components.reconcile import Reconcile, ReconcileArgs
from kata_components.components.runtime_classes import RuntimeClasses
from kata_components.components.state import State
from kata_components.components.target_cluster import without_providers
from kata_components.components.verification import Verification, VerificationArgs
from kata_components.manifests.mounted_configs import mounted_configs
from kata_components.manifests.node_feature_rules import rules_are_active
from kata_components.providers.installation import Installation
from kata_components.providers.preflight import Preflight
from kata_components.providers.rollout import Rollout
from kata_components.settings.settings import Settings

_DYNAMIC: Final = "pulumi-python:dynamic/kata"
"""The SDK's type of dynamic resources in a module named `kata`."""


class KataDeploy(pulumi.ComponentResource):
    """Guard rails, then rights, templates and classes, then the `Installation`, then the `Rollout`.

    The `Installation` depends on everything that cleaning a node needs, so a destroy cleans the
    nodes first. A program may have several, each on a cluster or under a suffix of its own.

    Raises:
        pulumi.RunError: the settings have problems, or `opts` has a Kubernetes provider.
    """

    mode: str
    """`deploymentMode`."""
    kata_version: str
    rollout: pulumi.Output[dict[str, Any]] | None
    """The outcome of the last rollout; None in daemonset mode."""

    def __init__(
        self,
        name: str,
        args: KataDeployArgs | Settings | Mapping[str, Any],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        given = KataDeployArgs.of(args)
        self._settings = settings = given.loaded()
        self._target = given.target(settings)
        self.mode, self.kata_version = settings.deployment_mode, settings.kata_version
        super().__init__(tokens.KATA_DEPLOY, name, {}, without_providers(opts))
        self._base = name
        preflight = self._preflight(opts)
        on_cluster = pulumi.ResourceOptions(parent=self, provider=self._on_cluster(preflight))
        rbac = NodeRbac(f"{name}-node-rbac", settings, on_cluster)
        classes = RuntimeClasses(f"{name}-runtime-classes", settings, on_cluster)
        configs = self._mounted_configs(on_cluster)
        needed = [rbac, classes, *configs, *self._optional(on_cluster)]
        installed: list[pulumi.Resource] = []
        if settings.deployment_mode == "daemonset":
            wanted = DaemonSetInstallerArgs(settings=settings, needs=[rbac, *configs])
            installer = DaemonSetInstaller(f"{name}-daemon-set-installer", wanted, on_cluster)
            installed.append(installer)
        else:
            needed.append(JobTemplates(f"{name}-job-templates", settings, on_cluster))
        if settings.deployment_mode == "job" and settings.rollout.runs_in == "cluster":
            needed.append(DispatcherHook(f"{name}-dispatcher", settings, on_cluster))
        installation = self._installation(preflight, needed)
        rollout = None
        if settings.deployment_mode == "job":
            reconcile = list(self._reconcile(installation, on_cluster))
            rollout = self._rollout(preflight, installation, reconcile)
        if settings.monitor.enabled:
            Monitor(f"{name}-monitor", settings, on_cluster)
        if settings.verification.enabled:
            installed.append(rollout or installation)
            Verification(
                f"{name}-verification",
                VerificationArgs(settings=settings, needs=installed),
                on_cluster,
            )
        self.rollout = rollout.outcome if rollout else None
        self.register_outputs({"rollout": self.rollout})

    def _mounted_configs(self, on_cluster: pulumi.ResourceOptions) -> list[MountedConfigs]:
        if not mounted_configs(self._settings):
            return []
        return [MountedConfigs(f"{self._base}-mounted-configs", self._settings, on_cluster)]

    def _optional(self, on_cluster: pulumi.ResourceOptions) -> Iterator[pulumi.Resource]:
        """Register what not every installation has, before the `Installation`."""
        args, name = self._settings, self._base
        if args.traits.state_config_map:
            yield State(f"{name}-state", args, on_cluster)
        if args.custom_runtimes.active:
            yield CustomRuntimes(f"{name}-custom-runtimes", args, on_cluster)
        discovery: list[pulumi.Resource] = []
        if args.node_feature_discovery.enabled:
            discovery.append(
                NodeFeatureDiscovery(f"{name}-node-feature-discovery", args, on_cluster)
            )
            yield from discovery
        if rules_are_active(args):
            wanted = NodeFeatureRulesArgs(settings=args, needs=discovery)
            yield NodeFeatureRules(f"{name}-node-feature-rules", wanted, on_cluster)

    def _on_cluster(self, preflight: Preflight) -> pulumi_kubernetes.Provider:
        """Register the provider of all Kubernetes objects, which waits for the guard rails."""
        return pulumi_kubernetes.Provider(
            f"{self._base}-cluster",
            context=self._target.context,
            kubeconfig=self._target.kubeconfig,
            enable_config_map_mutable=True,
            # A kill between a create and its checkpoint leaves objects that the next up has to take
            # over, with the fields that the killed run owns. The guard rails have already refused
            # objects of a Helm release.
            upsert_existing_objects=True,
            enable_patch_force=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[preflight]),
        )

    def _preflight(self, of_component: pulumi.ResourceOptions | None) -> Preflight:
        """Register the guard rails; what the component depends on, they wait for."""
        name = f"{self._base}-preflight"
        inputs = preflight_inputs(self._settings)
        awaited = of_component.depends_on if of_component else None
        opts = pulumi.ResourceOptions(parent=self, depends_on=awaited)
        return Preflight(name, inputs, self._identity("Preflight", name), opts)

    def _identity(self, kind: str, name: str) -> pulumi.Inputs:
        """Return what a dynamic resource is told of itself and its cluster."""
        urn = pulumi.create_urn(name, f"{_DYNAMIC}:{kind}", parent=self)
        # As a future: an Output of the parent's URN would make the child depend on its siblings.
        return {"urn": urn.future(), **self._target.inputs()}

    def _installation(
        self, preflight: Preflight, needed: Sequence[pulumi.Resource]
    ) -> Installation:
        name = f"{self._base}-installation"
        inputs = installation_inputs(self._settings)
        opts = pulumi.ResourceOptions(parent=self, depends_on=[preflight, *needed])
        return Installation(name, inputs, self._identity("Installation", name), opts)

    def _reconcile(
        self, installation: Installation, on_cluster: pulumi.ResourceOptions
    ) -> Iterator[pulumi.Resource]:
        if self._settings.job.reconcile.enabled:
            wanted = ReconcileArgs(settings=self._settings, needs=[installation])
            yield Reconcile(f"{self._base}-reconcile", wanted, on_cluster)

    def _rollout(
        self, preflight: Preflight, installation: Installation, needed: Sequence[pulumi.Resource]
    ) -> Rollout:
        name = f"{self._base}-rollout"
        opts = pulumi.ResourceOptions(
            parent=self,
            depends_on=[preflight, installation, *needed],
            hooks=fail_on_outcome(name),
        )
        return Rollout(
            name,
            rollout_inputs(self._settings),
            self._identity("Rollout", name),
            installation_id=installation.installationId,
            passed=preflight.passed,
            opts=opts,
        )
