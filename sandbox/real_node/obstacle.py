"""Whether this machine can run a real node at all."""

import os
import shutil
import sys

_PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "mmdebstrap": "mmdebstrap",
    "ip": "iproute2",
    "nsenter": "util-linux",
    "openssl": "openssl",
}
"""Programs of the machine that a real node needs, and the Debian packages they are in."""


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
    return ""
