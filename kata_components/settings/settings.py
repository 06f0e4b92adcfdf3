"""All settings of a stack in one model."""

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from kata_components import names
from kata_components.settings.affinity import Affinity
from kata_components.settings.cluster import Cluster
from kata_components.settings.custom_runtimes import CustomRuntimes
from kata_components.settings.images import ExactImage, Image, PullPolicy, PullSecret
from kata_components.settings.job import Job
from kata_components.settings.model import (
    LABEL_KEY,
    Annotations,
    DnsLabel,
    DnsNameOrEmpty,
    Labels,
    LabelText,
    Many,
    Model,
    matching,
)
from kata_components.settings.monitor import Monitor
from kata_components.settings.node import Containerd, Env, Selinux, Snapshotter
from kata_components.settings.node_binaries import NodeBinaries
from kata_components.settings.node_features import NodeFeatureDiscovery, NodeFeatureRules
from kata_components.settings.pods import Health, Toleration, UpdateStrategy
from kata_components.settings.profile import load_profile
from kata_components.settings.resources import Resources
from kata_components.settings.rollout import Rollout
from kata_components.settings.shims import DefaultShim, Overhead, RuntimeClasses, Shims
from kata_components.settings.traits import Traits
from kata_components.settings.verification import Verification

_EFFECTS = "NoSchedule|PreferNoSchedule|NoExecute"
_StartupTaint = Annotated[
    str,
    matching(
        rf"{LABEL_KEY}(:({_EFFECTS}))?",
        "`key` or `key:effect` with effect NoSchedule or NoExecute",
        340,
    ),
]


class Settings(Model):
    """What the user asked for, validated, with all defaults.

    `update_strategy` and `health` are for the DaemonSet, as are `node_selector`, `affinity`,
    `pod_labels` and `pod_annotations` at 4.0.0; `resources` also for the stages of `node_binaries`.
    """

    kata_version: str
    cluster: Cluster
    namespace: DnsLabel
    helm_release_name: Annotated[DnsLabel, Field(max_length=53)]
    values_file: Annotated[str | None, Field(min_length=1)] = None
    rollout: Rollout

    deployment_mode: Literal["daemonset", "job"]
    debug: bool = False
    devkit: bool = False
    log_level: Literal["", "error", "warn", "info", "debug", "trace"] = ""
    k8s_distribution: Annotated[
        Literal["k8s", "kubeadm", "k3s", "rke2", "k0s", "microk8s"], Field(alias="k8sDistribution")
    ]
    image: Image
    image_pull_policy: PullPolicy
    image_pull_secrets: Many[PullSecret] = ()
    kubectl_image: ExactImage
    name_override: LabelText | None = None
    fullname_override: LabelText | None = None
    job: Job
    node_selector: Labels = Field(default_factory=dict)
    affinity: Affinity = Affinity()
    tolerations: Many[Toleration] = ()
    startup_taints: Many[_StartupTaint] = ()
    pod_labels: Labels = Field(default_factory=dict)
    pod_annotations: Annotations = Field(default_factory=dict)
    priority_class_name: DnsNameOrEmpty = ""
    update_strategy: UpdateStrategy
    resources: Resources = Field(default_factory=dict)
    health: Health
    env: Env
    containerd: Containerd
    snapshotter: Snapshotter
    node_binaries: NodeBinaries = Field(default_factory=dict)
    selinux: Selinux = Selinux()
    runtime_classes: RuntimeClasses
    default_shim: DefaultShim
    shims: Shims
    custom_runtimes: CustomRuntimes
    node_feature_discovery: Annotated[NodeFeatureDiscovery, Field(alias="node-feature-discovery")]
    node_feature_rules: NodeFeatureRules = NodeFeatureRules(create="false")
    monitor: Monitor
    verification: Verification

    @property
    def traits(self) -> Traits:
        """How this version's objects look."""
        return load_profile(self.kata_version).traits

    @property
    def built_in_overheads(self) -> Mapping[str, Overhead]:
        """The overheads of shims in the chart of this version, whatever the user set."""
        return load_profile(self.kata_version).overheads

    @property
    def class_variants(self) -> tuple[str, ...]:
        """The suffixes of the RuntimeClasses of each shim that enable guest debugging."""
        if not (self.debug and self.traits.debug_runtime_classes):
            return ()
        return ("-debug", "-devkit") if self.devkit else ("-debug",)

    @property
    def full_name(self) -> str:
        """The name prefix of objects that belong to the release, not to the node program."""
        if self.fullname_override:
            return names.truncated(self.fullname_override)
        release, name = self.helm_release_name, self.name_override or names.PROJECT
        return names.truncated(release if name in release else f"{release}-{name}")
