"""What the objects of a version have, as data: pipeline, mounts, rights, and which side does the work on nodes."""

from typing import Annotated, Any, Literal

from pydantic import Field

from kata_components.settings.model import Many, Model


class Stage(Model):
    """A step of a pipeline, run as a container.

    One that is not on the host only talks to the API server.
    """

    name: str
    on_host: bool = True


class Mount(Model):
    """A directory or file of the host in a container; without a host path, a scratch directory.

    Paths may hold `{install_dir}` (where Kata goes) and `{containerd_dir}` (where containerd's
    configuration is).
    """

    name: str
    mount_path: str
    host_path: str | None = None
    type: Literal["DirectoryOrCreate", "File", "Socket"] | None = None
    read_only: bool = False


class Rule(Model):
    """A rule of a role; resources and verbs are separated by spaces."""

    group: str
    resources: str
    verbs: str


class Traits(Model):
    """How the objects of a version are made.

    `dispatcher_does_node_work`: in job mode the dispatcher labels nodes and checks them, so that
    the per-node Jobs need no token, and it selects nodes by the same keys as the DaemonSet.
    Otherwise the per-node Jobs label their nodes.
    """

    install_stages: Many[Stage]
    cleanup_stages: Many[Stage]
    host_pid: Annotated[bool, Field(alias="hostPID")]
    host_security_context: dict[str, Any]
    mounts: Many[Mount]
    node_rules: Many[Rule]
    dispatcher_node_rules: Many[Rule]
    dispatcher_job_rules: Many[Rule]
    dispatcher_does_node_work: bool
    pod_metadata_in_jobs: bool
    checksum_annotations: bool
    distribution_variable: bool
    state_config_map: bool
    instance_label_in_runtime_classes: bool
    debug_runtime_classes: bool
    feature_discovery_chart: str
