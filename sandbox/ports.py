"""The ports of a cluster's processes, reserved for as long as it exists, even while it is stopped.

By itself kwokctl takes the highest free ports; a cluster that is started again would then find its
ports taken by another.
"""

import hashlib
import itertools
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

COMPONENTS: Final = {
    "kubeApiserverPort": "kube-apiserver",
    "etcdPort": "etcd",
    "etcdPeerPort": "etcd",
    "kubeControllerManagerPort": "kube-controller-manager",
    "kubeSchedulerPort": "kube-scheduler",
    "kwokControllerPort": "kwok-controller",
}
"""kwokctl's port options, and the components that listen there."""
REGISTRY: Final = len(COMPONENTS)
"""The place of the registry's port after the first one, which is that of the API server."""

_FIRST: Final = 20_000
_BLOCK: Final = 10
_BLOCKS: Final = 1_200
"""All ports are below 32768, where Linux's ephemeral ports begin."""


def ports(home: Path) -> dict[str, int]:
    """Return kwokctl's port options for the cluster in that folder; all ports are free now."""
    first = next(
        block for block in _blocks(home) if all(map(is_free, range(block, block + REGISTRY + 1)))
    )
    return dict(zip(COMPONENTS, itertools.count(first)))


def _blocks(home: Path) -> Iterator[int]:
    """Return the first ports of all blocks, beginning with the folder's own."""
    own = int(hashlib.sha256(str(home).encode()).hexdigest(), 16)
    return (_FIRST + (own + step) % _BLOCKS * _BLOCK for step in range(_BLOCKS))


def is_free(port: int) -> bool:
    """Return whether a process on this machine could listen on the port now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
