"""The network of a node: a namespace, one link to the machine, and a few forwarded ports.

A node reaches nothing but what is forwarded: the API server and the cluster's registry, both below
the address of the API server's Service. The other way round, the machine reaches the node over the
link, which the API server does to show logs. The namespace has no name: it is gone, with the link,
when the last process in it is.
"""

import asyncio
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import SandboxError
from sandbox.kwok_configuration import SERVICE_ADDRESS

_API_SERVER_PORT = 443
REGISTRY_PORT = 5000
_NEW_NETWORK = 0x40000000  # CLONE_NEWNET
_LINKS = 4096
_CHUNK = 65536


@dataclass(frozen=True)
class Network:
    """The network of a node while it runs."""

    namespace: Path
    """A file that stands for the namespace, valid for this process and its children."""
    address: str
    """The address of the node, which the machine reaches."""
    api_server: socket.socket
    """Listens inside the node where its kubelet and pods look for the API server."""
    registry: socket.socket
    """Listens inside the node where its containerd looks for images."""


def make(first: int) -> Network:
    """Make a network with the first free link, counted from `first`.

    Raises:
        SandboxError: It cannot be made.
    """
    with _inside_new_namespace() as (machine, node):
        number = _link(first, machine)
        theirs, ours = _addresses(number)
        for words in (
            "link set lo up",
            f"address add {SERVICE_ADDRESS}/32 dev lo",
            f"address add {ours}/30 dev eth0",
            "link set eth0 up",
            f"route add default via {theirs}",
        ):
            _ip(words)
        # Pods of the node have namespaces of their own behind this one.
        Path("/proc/sys/net/ipv4/ip_forward").write_text("1", encoding="utf-8")
        api_server, registry = _listening(_API_SERVER_PORT), _listening(REGISTRY_PORT)
    _ip(f"address add {theirs}/30 dev {_name(number)}")
    _ip(f"link set {_name(number)} up")
    return Network(node, ours, api_server, registry)


def _name(number: int) -> str:
    return f"kata-node{number}"


def _addresses(number: int) -> tuple[str, str]:
    """Return the addresses of both ends of a link, in a range for tests between networks."""
    high, low = divmod(number * 4, 256)
    return f"198.18.{high}.{low + 1}", f"198.18.{high}.{low + 2}"


def _link(first: int, machine: Path) -> int:
    """Make the link of this namespace to the machine, and return its number.

    Two processes that take the same number at once cannot both succeed.
    """
    for step in range(_LINKS):
        number = (first + step) % _LINKS
        words = f"link add eth0 type veth peer name {_name(number)} netns {machine}"
        if subprocess.run(["ip", *words.split()], capture_output=True, check=False).returncode == 0:
            return number
    raise SandboxError(f"no link can be made: `ip {words}` failed")


def _ip(words: str) -> None:
    answer = subprocess.run(["ip", *words.split()], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SandboxError(f"`ip {words}` failed: {answer.stderr.strip()}")


def _listening(port: int) -> socket.socket:
    listening = socket.create_server((SERVICE_ADDRESS, port))
    listening.setblocking(False)
    return listening


@contextmanager
def _inside_new_namespace() -> Iterator[tuple[Path, Path]]:
    """Be in a new network namespace for the context; give the files of the old and the new one.

    Both stay open for as long as this process lives.
    """
    library = ctypes.CDLL(None, use_errno=True)

    def call(function: str, *arguments: int) -> None:
        if getattr(library, function)(*arguments) != 0:
            raise SandboxError(f"{function} failed: {os.strerror(ctypes.get_errno())}")

    def opened() -> int:
        return os.open("/proc/thread-self/ns/net", os.O_RDONLY)

    old = opened()
    call("unshare", _NEW_NETWORK)
    try:
        yield _file(old), _file(opened())
    finally:
        call("setns", old, _NEW_NETWORK)


def _file(descriptor: int) -> Path:
    return Path(f"/proc/{os.getpid()}/fd/{descriptor}")


async def forward(listening: socket.socket, port: int) -> asyncio.Server:
    """Connect whoever comes to a socket of `Network` with a port of this machine's loopback."""

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            other_reader, other_writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            writer.close()
            return
        await asyncio.gather(_pass(reader, other_writer), _pass(other_reader, writer))
        writer.close()
        other_writer.close()

    return await asyncio.start_server(connect, sock=listening)


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while chunk := await reader.read(_CHUNK):
            writer.write(chunk)
            await writer.drain()
        writer.write_eof()
