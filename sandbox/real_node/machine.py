"""`python -m sandbox.real_node.machine FOLDER`: one machine, from power on to power off.

The process stays beside the machine: it boots it again when it asks for that, and connects it with
the cluster. The folder holds `machine.json` and what the machine has on its disks.
"""

import asyncio
import json
import signal
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

from sandbox.real_node import cgroups, network

_SETTINGS = "machine.json"
_REBOOT = 133
"""The exit code with which systemd-nspawn asks to be started again."""

_SECONDS_TO_SHUT_DOWN = 6.0
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_MASKED = ("systemd-sysctl.service", "systemd-udevd.service")
"""Units that would change the machine itself."""

# A mount namespace of its own: all of this is gone with the last process.
_BOOT = """
    set -e
    root=$1 disks=$2
    shift 2
    mount -t overlay -o "$disks" overlay "$root"
    mount -t tmpfs tmpfs /run
    exec systemd-nspawn --directory="$root" "$@"
"""


@dataclass(frozen=True)
class Machine:
    """What a machine consists of, beside its disks."""

    name: str
    """The name of its node."""
    cgroup: str
    """The name of its cgroups."""
    number: int
    """The number of its link, unless that is taken."""
    base: str
    """The folder with the root file system below its own."""
    tools: str
    """The folder with its kubelet and containerd."""
    api_server: int
    """The port of the API server on loopback."""
    registry: int
    """The port of the registry on loopback."""

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Return whether a folder has a machine, all of it."""
        return (folder / _SETTINGS).exists()

    def write(self, folder: Path) -> None:
        """Write it for the process that runs it."""
        (folder / _SETTINGS).write_text(json.dumps(asdict(self)), encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> "Machine":
        """Return what `write` has written."""
        return cls(**json.loads((folder / _SETTINGS).read_text(encoding="utf-8")))


async def run(folder: Path) -> None:
    """Run the machine in that folder until it is off or this task is cancelled."""
    machine = Machine.read(folder)
    net = network.make(machine.number)
    environment = f"NAME={machine.name}\nADDRESS={net.address}\n"
    (folder / "upper/etc/kubernetes/node").write_text(environment, encoding="utf-8")
    servers = [
        await network.forward(net.api_server, machine.api_server),
        await network.forward(net.registry, machine.registry),
    ]
    try:
        while await _boot(folder, machine, net.namespace) == _REBOOT:
            pass
    finally:
        cgroups.remove(machine.cgroup)
        for server in servers:
            server.close()


async def _boot(folder: Path, machine: Machine, namespace: Path) -> int:
    """Boot the machine, wait until it is off, and return the exit code of its systemd-nspawn."""
    cgroups.remove(machine.cgroup)
    disks = f"lowerdir={machine.base},upperdir={folder / 'upper'},workdir={folder / 'work'}"
    process = await asyncio.create_subprocess_exec(
        *cgroups.entering(machine.cgroup),
        *("unshare", "--mount", "--propagation", "private"),
        *("sh", "-c", _BOOT, "sh", str(folder / "root"), disks),
        *_options(folder, machine, namespace),
        stdin=asyncio.subprocess.DEVNULL,
        env={"PATH": _PATH, "SYSTEMD_NSPAWN_API_VFS_WRITABLE": "network"},
    )
    try:
        return await process.wait()
    except asyncio.CancelledError:
        process.terminate()
        with suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _SECONDS_TO_SHUT_DOWN)
        raise


def _options(folder: Path, machine: Machine, namespace: Path) -> list[str]:
    return [
        # Neither systemd of this machine nor a terminal is involved.
        *("--register=no", "--keep-unit", "--console=read-only", "--quiet"),
        *("--resolv-conf=off", "--timezone=off", f"--machine={machine.name}"),
        # What containerd and runc need.
        *("--capability=all", "--system-call-filter=@keyring bpf"),
        f"--network-namespace-path={namespace}",
        f"--bind-ro={machine.tools}:/usr/local/sbin",
        # Images and containers are overlays themselves, which cannot be on one.
        f"--bind={folder / 'containerd'}:/var/lib/containerd",
        *("--boot", "systemd.unit=node.target", "systemd.journald.forward_to_console=1"),
        *(f"systemd.mask={unit}" for unit in _MASKED),
    ]


def main() -> None:
    """Run the machine until it is off or the process is terminated."""
    folder = Path(sys.argv[1])

    async def until_terminated() -> None:
        task = asyncio.ensure_future(run(folder))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(until_terminated())


if __name__ == "__main__":
    main()
