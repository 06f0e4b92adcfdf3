"""What this process is called where others see that it works."""

import getpass
import os
import socket
from typing import Final
from uuid import uuid4

_RUN: Final = uuid4().hex[:8]


def holder_name() -> str:
    """Return what a Lease calls this process: `user@host (pid N, run X)`, unique over containers that look alike."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user that has no name.
        user = f"uid {os.getuid()}"
    return f"{user}@{socket.gethostname()} (pid {os.getpid()}, run {_RUN})"
