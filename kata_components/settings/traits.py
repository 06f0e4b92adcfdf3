"""The objects of a version as data: pipeline, mounts, rights, and who does the work on nodes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kata_components.settings.model import Many, Model


class Mount(Model):
    """A directory or file of the host in a container.

    Paths may contain `{install_dir}` (where Kata goes) and `{containerd_dir}` (containerd's
    configuration).
    """

    name: str
    """Also that of the volume, whose source is the same in every container."""
    mount_path: str

    host_path: str | None = None
    """None means a scratch directory."""

    type: Literal["Directory", "DirectoryOrCreate", "File", "Socket"] | None = None
    read_only: bool | None = None


class Stage(Model):
    """A step of a pipeline, run as a container of the node program or of a script."""

    name: str

    when: Literal["selinux", "nodeBinaries"] | None = None
    """The key that has to be set for this stage."""

    script: Literal["stage_binaries", "place_binaries"] | None = None
    """The script that it runs in place of the node program.

    `stage_binaries` runs in a container per entry of `nodeBinaries`, in its image, under its name.
    """

    argument: str | None = None
    """The subcommand of the node program; by default, it is named after the stage."""

    host_files: bool = True
    """Whether it has the mounts that all stages share, and the user's configuration files."""

    mounts: Many[Mount] = ()
    """Those of its own."""

    security_context: dict[str, Any] = Field(default_factory=dict)
    """What differs from `host_security_context`, or is added to it."""

    selinux_type: Annotated[str, Field(alias="seLinuxType")] = ""
    """Its SELinux domain where `selinux` is on."""


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

    reconcile_job_rules: Many[Rule]
    """Those of a dispatcher that also runs on a schedule."""

    dispatcher_event_rules: Many[Rule]
    """In namespace `default`, where Events about nodes are."""

    dispatcher_program: str

    dispatcher_flags: Many[str]
    """What a dispatcher that is not only for Kata has to be told about it."""

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

    config_directory_variable: bool
    """Whether it is also given `containerd.configDir`, instead of no distribution."""

    termination_messages: bool
    """Whether a container that fails leaves the end of its log in its status."""

    node_results: bool
    """Whether whoever paces per-node Jobs leaves on nodes, and in Events, what became of them."""

    monitor_endpoint_annotations: bool
    """Whether kata-monitor's pods name port and scheme of their metrics."""

    state_config_map: bool
    """Whether a ConfigMap records suffix and mode of the installation."""

    instance_label_in_runtime_classes: bool
    """Whether RuntimeClasses also select nodes by the label of the installation."""

    debug_runtime_classes: bool
    """Whether `debug` creates additional RuntimeClasses."""

    feature_discovery_chart: str
    """The version of the chart node-feature-discovery."""
