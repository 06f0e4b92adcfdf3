"""Whether this machine can run a real node at all."""

import os
import re
import shutil
import sys
from pathlib import Path

from sandbox.real_node.cgroups import is_unified

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
}
"""Programs of the machine that a real node needs, and the Debian packages they are in."""

_MAY_ADMINISTER = 1 << 21  # CAP_SYS_ADMIN


def obstacle() -> str:
    """Return in one line why no real node can run here and what to do; empty if one can."""
    if not sys.platform.startswith("linux"):
        return f"a real node needs Linux, this is {sys.platform}"
    if os.geteuid() != 0:
        return "a real node needs root, for namespaces, cgroups and mounts of its own"
    missing = [name for name in _PROGRAMS if shutil.which(name) is None]
    if missing:
        packages = " ".join(_PROGRAMS[name] for name in missing)
        return f"a real node needs {', '.join(missing)}: apt-get install {packages}"
    if not _capabilities() & _MAY_ADMINISTER:
        return "a real node needs the capability SYS_ADMIN: a container has it if privileged"
    if is_unified() and not Path("/run/systemd/system").exists():
        return "a real node needs a running systemd, to which cgroups of v2 belong"
    return ""


def _capabilities() -> int:
    found = re.search(r"CapEff:\s*(\w+)", Path("/proc/self/status").read_text("utf-8"))
    return int(found[1], 16) if found else 0
