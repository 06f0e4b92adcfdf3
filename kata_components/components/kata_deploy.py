"""The root component: one installation of Kata on one cluster."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pulumi
import pulumi_kubernetes

from kata_components.components import tokens
from kata_components.components.custom_runtimes import CustomRuntimes
from kata_components.components.daemon_set_installer import (
    DaemonSetInstaller,
    DaemonSetInstallerArgs,
)
from kata_components.components.dispatcher_hook import DispatcherHook
from kata_components.components.job_templates import JobTemplates
from kata_components.components.monitor import Monitor
from kata_components.components.mounted_configs import MountedConfigs
from kata_components.components.node_feature_discovery import NodeFeatureDiscovery
from kata_components.components.node_feature_rules import NodeFeatureRules, NodeFeatureRulesArgs
from kata_components.components.node_rbac import NodeRbac
from kata_components.components.outcome_hook import fail_on_outcome
from kata_components.components.ownership import this_stack
from kata_components.components.runtime_classes import RuntimeClasses
from kata_components.components.state import State
from kata_components.components.verification import Verification, VerificationArgs
from kata_components.manifests.builders import checksum, pod_basics
from kata_components.manifests.daemon_set import pod_template
from kata_components.manifests.dispatcher_job import handlers
from kata_components.manifests.job_templates import cleanup_job, install_job
from kata_components.manifests.mounted_configs import mounted_configs, mounted_fingerprints
from kata_components.manifests.node_demands import containerd_version, distribution
from kata_components.manifests.node_feature_rules import rules_are_active
from kata_components.manifests.objects import compared_objects, kept_objects, reference
from kata_components.manifests.runtime_classes import gate
from kata_components.manifests.selector import daemon_set_selectors, install_selectors
from kata_components.manifests.yaml_text import yaml_text
from kata_components.planning.demands import Demands
from kata_components.providers.installation import Installation
from kata_components.providers.installation_inputs import InstallationInputs
from kata_components.providers.preflight import Preflight
from kata_components.providers.preflight_inputs import PreflightInputs
from kata_components.providers.rollout import Rollout
from kata_components.providers.rollout_inputs import RolloutInputs
from kata_components.settings.architectures import architecture_problems
from kata_components.settings.settings import Settings

_DYNAMIC = "pulumi-python:dynamic/kata"


class KataDeploy(pulumi.ComponentResource):
    """Guard rails; rights, templates and classes; then the anchor; then, in job mode, the rollout, or its dispatcher.

    The anchor depends on everything that cleaning a node needs, so a destroy cleans the nodes
    first. `rollout` is the outcome of the last rollout, None in daemonset mode.
    """

    rollout: pulumi.Output[dict[str, Any]] | None

    def __init__(
        self, name: str, args: Settings, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__(tokens.KATA_DEPLOY, name, {}, opts)
        self._base = name
        self._settings = args
        preflight = self._preflight()
        on_cluster = pulumi.ResourceOptions(parent=self, provider=self._on_cluster(preflight))
        rbac = NodeRbac(f"{name}-node-rbac", args, on_cluster)
        classes = RuntimeClasses(f"{name}-runtime-classes", args, on_cluster)
        configs = self._mounted_configs(on_cluster)
        needed = [rbac, classes, *configs, *self._beside(on_cluster)]
        installed: list[pulumi.Resource] = []
        self._hook = None
        if args.deployment_mode == "daemonset":
            wanted = DaemonSetInstallerArgs(settings=args, needs=[rbac, *configs])
            installer = DaemonSetInstaller(f"{name}-daemon-set-installer", wanted, on_cluster)
            installed.append(installer)
        else:
            needed.append(JobTemplates(f"{name}-job-templates", args, on_cluster))
        if args.deployment_mode == "job" and args.rollout.runs_in == "cluster":
            self._hook = DispatcherHook(f"{name}-dispatcher", args, on_cluster)
            needed.append(self._hook)
        installation = self._installation(preflight, needed)
        rollout = self._rollout(preflight, installation) if args.deployment_mode == "job" else None
        if args.monitor.enabled:
            Monitor(f"{name}-monitor", args, on_cluster)
        if args.verification.enabled:
            installed.append(rollout or installation)
            Verification(
                f"{name}-verification", VerificationArgs(settings=args, needs=installed), on_cluster
            )
        self.rollout = rollout.outcome if rollout else None
        self.register_outputs({"rollout": self.rollout})

    def _mounted_configs(self, on_cluster: pulumi.ResourceOptions) -> list[MountedConfigs]:
        if not mounted_configs(self._settings):
            return []
        return [MountedConfigs(f"{self._base}-mounted-configs", self._settings, on_cluster)]

    def _beside(self, on_cluster: pulumi.ResourceOptions) -> Iterator[pulumi.Resource]:
        """Register what not every installation has.

        It is there before the anchor and goes after it.
        """
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
        """Register the provider of every Kubernetes object: none is touched before the guard rails have spoken."""
        cluster = self._settings.cluster
        return pulumi_kubernetes.Provider(
            f"{self._base}-cluster",
            context=cluster.context,
            kubeconfig=cluster.kubeconfig,
            enable_config_map_mutable=True,
            # A kill between a create and its checkpoint leaves objects that the next up has to take
            # over, with the fields that the lost run owns. Objects of a Helm release were refused
            # before.
            upsert_existing_objects=True,
            enable_patch_force=True,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[preflight]),
        )

    def _preflight(self) -> Preflight:
        settings = self._settings
        job_mode = settings.deployment_mode == "job"
        name = f"{self._base}-preflight"
        inputs = PreflightInputs(
            **self._guarded("Preflight", name),
            pod_template=None if job_mode else checksum(pod_template(settings))[:12],
            existing=settings.rollout.existing,
            contents=json.dumps(compared_objects(settings))
            if settings.rollout.existing == "adopt"
            else None,
            objects=self._objects(),
            **({} if job_mode else self._where_pods_go()),
        )
        return Preflight(name, inputs, pulumi.ResourceOptions(parent=self))

    def _where_pods_go(self) -> dict[str, Any]:
        """Return what is asked of the nodes in daemonset mode.

        Nothing when no architecture has a problem.
        """
        problems = architecture_problems(self._settings)
        selectors = daemon_set_selectors(self._settings)
        if not any(problems.values()) or selectors is None:
            return {}
        tolerations = pod_basics(self._settings).get("tolerations", [])
        return {
            "architectures": dict(problems),
            "selectors": tuple(selectors),
            "tolerations": json.dumps(tolerations),
        }

    def _installation(
        self, preflight: Preflight, needed: Sequence[pulumi.Resource]
    ) -> Installation:
        settings = self._settings
        name = f"{self._base}-installation"
        inputs = InstallationInputs(
            **self._guarded("Installation", name),
            parallelism=settings.job.parallelism,
            node_timeout_seconds=settings.rollout.node_timeout_seconds,
            cleanup_job=yaml_text(cleanup_job(settings))
            if settings.deployment_mode == "job"
            else None,
            dispatcher_job=self._hook.cleanup_job if self._hook else None,
            existing=settings.rollout.existing,
            objects=self._objects(),
        )
        return Installation(
            name, inputs, pulumi.ResourceOptions(parent=self, depends_on=[preflight, *needed])
        )

    def _guarded(self, kind: str, name: str) -> dict[str, Any]:
        """Return what the guard rails compare, as the fields of `Guarded`."""
        settings = self._settings
        job_mode = settings.deployment_mode == "job"
        return {
            "urn": self._urn(kind, name),
            "stack": this_stack(),
            "kata_version": settings.kata_version,
            "deployment_mode": settings.deployment_mode,
            "namespace": settings.namespace,
            "suffix": settings.env.multi_install_suffix,
            "report_dir": settings.rollout.report_dir if job_mode else None,
            "approved_plan": settings.rollout.approved_plan if job_mode else None,
        }

    def _objects(self) -> tuple[str, ...]:
        return tuple(map(reference, kept_objects(self._settings)))

    def _rollout(self, preflight: Preflight, installation: Installation) -> Rollout:
        settings = self._settings
        pace = settings.rollout
        name = f"{self._base}-rollout"
        inputs = RolloutInputs(
            urn=self._urn("Rollout", name),
            stack=this_stack(),
            namespace=settings.namespace,
            suffix=settings.env.multi_install_suffix,
            kata_version=settings.kata_version,
            nodes=settings.job.nodes,
            selectors=tuple(install_selectors(settings)),
            install_job=yaml_text(install_job(settings)),
            mounted=mounted_fingerprints(settings) or None,
            architectures=dict(architecture_problems(settings)),
            dispatcher_job=self._hook.install_job if self._hook else None,
            cleanup_dispatcher_job=self._hook.cleanup_job
            if self._hook and pace.cleanup_deselected
            else None,
            parallelism=settings.job.parallelism,
            waves=pace.waves,
            max_failures=pace.max_failures,
            soak_seconds=pace.soak_seconds,
            node_timeout_seconds=pace.node_timeout_seconds,
            not_ready=pace.not_ready,
            existing=pace.existing,
            report_dir=pace.report_dir,
            approved_plan=pace.approved_plan,
            cleanup_job=yaml_text(cleanup_job(settings)) if pace.cleanup_deselected else None,
            demands=Demands(
                labels=tuple(gate(settings)),
                handlers=tuple(handlers(settings)),
                distribution=distribution(settings),
                containerd=containerd_version(settings),
            ),
        )
        opts = pulumi.ResourceOptions(
            parent=self, depends_on=[preflight, installation], hooks=fail_on_outcome(name)
        )
        return Rollout(
            name,
            inputs,
            installation_id=installation.installationId,
            passed=preflight.passed,
            opts=opts,
        )

    def _urn(self, kind: str, name: str) -> str:
        """Return the URN a dynamic resource of ours will have; its provider process is not told."""
        stack = f"urn:pulumi:{pulumi.get_stack()}::{pulumi.get_project()}"
        return f"{stack}::{tokens.KATA_DEPLOY}${_DYNAMIC}:{kind}::{name}"
