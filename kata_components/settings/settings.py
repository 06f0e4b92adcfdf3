"""All settings of a stack in one model."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kata_components.settings.cluster import Cluster
from kata_components.settings.images import Image, PullPolicy, PullSecret
from kata_components.settings.job import Job
from kata_components.settings.model import Annotations, DnsLabel, Labels, Many, Model, matching
from kata_components.settings.node import Containerd, Env, Snapshotter
from kata_components.settings.pods import Health, Toleration
from kata_components.settings.rollout import Rollout
from kata_components.settings.shims import DefaultShim, RuntimeClasses, Shims


class Settings(Model):
    """What the user asked for, validated, with every default filled in.

    `node_selector`, `affinity`, `update_strategy`, `resources`, `health` and `log_level` concern the DaemonSet.
    """

    kata_version: str
    cluster: Cluster
    namespace: DnsLabel
    helm_release_name: Annotated[DnsLabel, Field(max_length=53)]
    values_file: Annotated[str | None, Field(min_length=1)] = None
    rollout: Rollout

    deployment_mode: Literal["daemonset", "job"]
    debug: bool
    log_level: Literal["", "error", "warn", "info", "debug", "trace"]
    k8s_distribution: Annotated[Literal["k8s", "k3s", "rke2", "k0s", "microk8s"], Field(alias="k8sDistribution")]
    image: Image
    image_pull_policy: PullPolicy
    image_pull_secrets: Many[PullSecret]
    kubectl_image: Image  # for verification only: no object uses it before that is supported
    job: Job
    node_selector: Labels
    affinity: dict[str, Any]
    tolerations: Many[Toleration]
    startup_taints: Many[Annotated[str, matching(r"[^\s,:]+(:[A-Za-z]+)?", "`key` or `key:effect`")]]
    pod_labels: Labels
    pod_annotations: Annotations
    priority_class_name: str
    update_strategy: dict[str, Any]
    resources: dict[str, Any] = Field(default_factory=dict)
    health: Health
    env: Env
    containerd: Containerd
    snapshotter: Snapshotter
    runtime_classes: RuntimeClasses
    default_shim: DefaultShim
    shims: Shims
