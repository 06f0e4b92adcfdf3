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
    """How the objects of a version are made."""

    install_stages: Many[Stage]
    cleanup_stages: Many[Stage]
    host_pid: Annotated[bool, Field(alias="hostPID")]
    host_security_context: dict[str, Any]
    mounts: Many[Mount]
    node_rules: Many[Rule]
    dispatcher_node_rules: Many[Rule]
    dispatcher_job_rules: Many[Rule]

    dispatcher_does_node_work: bool
    """Whether the dispatcher of job mode labels and checks nodes, selected as by the DaemonSet.

    The per-node Jobs then need no token. Otherwise, they label their nodes themselves.
    """

    pod_metadata_in_jobs: bool
    checksum_annotations: bool
    distribution_variable: bool
    state_config_map: bool
    instance_label_in_runtime_classes: bool
    debug_runtime_classes: bool
    feature_discovery_chart: str
