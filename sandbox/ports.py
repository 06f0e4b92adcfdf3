"""The ports of a cluster's processes: its own for as long as it exists, also while it is stopped.

Left alone, kwokctl takes the highest free ports, which a cluster that is started again then finds
taken by the next.
"""

import hashlib
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

_OPTIONS: Final = (
    "kubeApiserverPort",
    "etcdPort",
    "etcdPeerPort",
    "kubeControllerManagerPort",
    "kubeSchedulerPort",
    "kwokControllerPort",
)
_FIRST: Final = 20_000
_BLOCK: Final = 10
_BLOCKS: Final = 1_200
"""All below 32768, where Linux begins to give out ports to whoever asks for any."""


def ports(home: Path) -> dict[str, int]:
    """Return kwokctl's options with the ports for the cluster in that folder.

    None of them is in use now.
    """
    first = next(
        block for block in _blocks(home) if all(map(is_free, range(block, block + len(_OPTIONS))))
    )
    return dict(zip(_OPTIONS, itertools.count(first)))


def _blocks(home: Path) -> Iterator[int]:
    """Return where ports may begin: the folder's own place, then all others."""
    own = int(hashlib.sha256(str(home).encode()).hexdigest(), 16)
    return (_FIRST + (own + step) % _BLOCKS * _BLOCK for step in range(_BLOCKS))


def is_free(port: int) -> bool:
    """Return whether a process of this machine could listen there now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
