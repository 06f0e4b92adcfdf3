"""What the node program does on a host: paths, containerd, snapshotters."""

from typing import Annotated, Literal

from pydantic import Field

from kata_components.settings.model import AbsolutePathOrEmpty, Many, Model, SocketOrEmpty, matching
from kata_components.settings.toml_text import Toml

# From 50 characters on, the chart's two dispatcher Jobs are truncated to the same name. The longest
# name in job mode and with the enabled shims often leaves fewer, see derived_names.py.
_Suffix = Annotated[
    str,
    matching(
        r"([a-z0-9]([-a-z0-9]*[a-z0-9])?)?", "at most 49 lower-case letters, digits and hyphens", 49
    ),
]
_FileNameOrEmpty = Annotated[str, matching(r"(?!\.{1,2}$)[^/\s]*", "a bare file name or empty")]


class Env(Model):
    """Environment of the node program that concerns the whole installation."""

    installation_prefix: AbsolutePathOrEmpty = ""
    host_os: Annotated[str, Field(alias="hostOS")] = ""
    multi_install_suffix: _Suffix = ""


class Containerd(Model):
    """Where containerd keeps its configuration; empty means the distribution's default."""

    config_dir: AbsolutePathOrEmpty = ""

    config_file_name: _FileNameOrEmpty = ""

    runtime_socket: SocketOrEmpty = ""
    """Only for kata-monitor."""

    user_drop_in: Toml = ""
    """Configuration that containerd reads last."""


class Snapshotter(Model):
    """Snapshotters to set up on the node; an empty mode means the node program's default."""

    setup: Many[Literal["nydus", "erofs"]] = ()
    erofs_merge_mode: Literal["", "merged", "unmerged"] = ""
    erofs_snapshotter_mode: Literal["", "disk", "memory"] = ""
    erofs_dmverity: bool = False


class Selinux(Model):
    """SELinux on the nodes; those where it is off are not affected."""

    enabled: bool = False
