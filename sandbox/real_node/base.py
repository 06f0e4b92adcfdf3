"""The root file system that all nodes begin with: a small Debian, made once and only read."""

import subprocess
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.paths import cache_dir
from sandbox.tools.builder import made_once, text_key
from sandbox.tools.messages import say

_SUITE = "bookworm"
_PACKAGES = (
    # An init system, and what it and `nsenter` of a node program need.
    *("systemd", "systemd-sysv", "dbus", "util-linux", "mount", "procps", "kmod"),
    # What containerd and kubelet call.
    *("runc", "containernetworking-plugins", "iproute2", "ca-certificates"),
    # The shell of an image.
    "busybox-static",
)


def ensure_base() -> Path:
    """Return the folder; make it with mmdebstrap if it is missing.

    Raises:
        SandboxError: mmdebstrap failed; the text ends with what it printed.
    """
    recipe = ["--variant=minbase", f"--include={','.join(_PACKAGES)}", _SUITE]

    def make(folder: Path) -> None:
        say("making the root file system of real nodes (about 1 min) ...")
        answer = subprocess.run(
            ["mmdebstrap", *recipe, str(folder)], capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise SandboxError(f"mmdebstrap failed:\n{answer.stderr.strip()}")

    return made_once(cache_dir() / f"node-root-{text_key(' '.join(recipe))}", make)
