"""The objects of a version as data: pipeline, mounts, rights, and who does the work on nodes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kata_components.settings.model import Many, Model


class Stage(Model):
    """A step of a pipeline, run as a container."""

    name: str

    on_host: bool = True
    """Otherwise, it only talks to the API server."""


class Mount(Model):
    """A directory or file of the host in a container.

    Paths may contain `{install_dir}` (where Kata goes) and `{containerd_dir}` (containerd's
    configuration).
    """

    name: str
    mount_path: str

    host_path: str | None = None
    """None means a scratch directory."""

    type: Literal["DirectoryOrCreate", "File", "Socket"] | None = None
    read_only: bool = False


class Rule(Model):
    """A rule of a role; resources and verbs are separated by spaces."""

    group: str
    resources: str
    verbs: str


class Traits(Model):
    """How a version's objects look."""

    install_stages: Many[Stage]
    cleanup_stages: Many[Stage]
    host_pid: Annotated[bool, Field(alias="hostPID")]
    host_security_context: dict[str, Any]
    mounts: Many[Mount]
    node_rules: Many[Rule]
    dispatcher_node_rules: Many[Rule]
    dispatcher_job_rules: Many[Rule]

    token_free_jobs: bool
    """Whether per-node Jobs have no token: whoever paces them labels and checks their nodes.

    These are selected as by the DaemonSet. Otherwise, the Jobs label their nodes themselves.
    """

    pod_metadata_in_jobs: bool
    """Whether `podLabels` and `podAnnotations` apply to the per-node Jobs."""

    checksum_annotations: bool
    """Whether pods carry checksums of what they mount, so that a change replaces them."""

    distribution_variable: bool
    """Whether the node program is given the distribution to expect."""

    state_config_map: bool
    """Whether a ConfigMap records suffix and mode of the installation."""

    instance_label_in_runtime_classes: bool
    """Whether RuntimeClasses also select nodes by the label of the installation."""

    debug_runtime_classes: bool
    """Whether `debug` creates additional RuntimeClasses."""

    feature_discovery_chart: str
    """The version of the chart node-feature-discovery."""
