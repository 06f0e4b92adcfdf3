"""A real node of a local cluster: a kubelet, containerd and systemd in a container of this machine.

Owns the node's folder: the disks of its machine, which outlive a stop, and the log of its console.
"""

import hashlib
import shutil
import subprocess
import time
from pathlib import Path

from sandbox.control_plane import ControlPlane
from sandbox.errors import RefusedError, SandboxError
from sandbox.helper import Helper
from sandbox.kube import Manifest
from sandbox.real_node import cgroups, disks
from sandbox.real_node.base import ensure_base
from sandbox.real_node.machine import Machine
from sandbox.real_node.obstacle import obstacle
from sandbox.tools import ensure_node_tools

_NOT_FOUND = 404
_SECONDS_TO_BE_READY = 60.0
_POLL_EVERY = 0.1


class RealNode:
    """A node with that name, whether it exists or not."""

    def __init__(self, control_plane: ControlPlane, name: str) -> None:
        self.name = name
        self._control_plane = control_plane
        self._folder = control_plane.real_nodes / name
        self._digest = hashlib.sha256(str(self._folder).encode()).hexdigest()
        self._process = Helper("sandbox.real_node.machine", self._folder, self._folder)

    @property
    def root(self) -> Path:
        """Its root directory as this machine sees it, while it runs."""
        return Path(f"/proc/{self._init()}/root")

    def start(self) -> None:
        """Boot it unless it runs, and wait until it is Ready; install it if there is no such node.

        Raises:
            SandboxError: This machine cannot run a node, or it did not become Ready.
        """
        if self._process.runs():
            return
        if reason := obstacle():
            raise SandboxError(reason)
        if not Machine.is_in(self._folder):
            self._install()
        before = self._boot_id()
        self._process.start()
        self.wait_until_ready(before)

    def stop(self) -> None:
        """Switch it off, or clean up if it was killed; its disks stay."""
        self._process.stop()
        cgroups.remove(self._cgroup)

    def reboot(self) -> None:
        """Reboot it and wait until it is Ready again."""
        before = self._boot_id()
        self.run("systemctl", "reboot")
        self.wait_until_ready(before)

    def reimage(self) -> None:
        """Replace the machine by a new one under the same Node object, and wait until it is Ready.

        Nothing is on its disks, and its machine ID is another.
        """
        self.discard()
        self.start()

    def wait_until_ready(self, boot_before: str = "") -> None:
        """Wait until it is Ready, and has another boot ID than before.

        Raises:
            SandboxError: It went off, or it takes too long; the text names the log of its console.
        """
        deadline = time.monotonic() + _SECONDS_TO_BE_READY
        while not _is_ready(self._node(), boot_before):
            if time.monotonic() > deadline or not self._process.runs():
                raise SandboxError(f"{self.name} does not become Ready; see {self._process.log}")
            time.sleep(_POLL_EVERY)

    def remove(self) -> None:
        """Switch it off and remove its disks and its Node object."""
        self.discard()
        with self._control_plane.connect() as kube:
            try:
                kube.delete(self._path)
            except RefusedError as error:
                if error.status != _NOT_FOUND:
                    raise

    def discard(self) -> None:
        """Switch it off and remove its disks; its Node object stays."""
        self.stop()
        self._wipe()

    def entering(self) -> list[str]:
        """Return the words that, before a command, run it on the node.

        Raises:
            SandboxError: The node is not running.
        """
        return ["nsenter", "--target", str(self._init()), "--all", "--"]

    def run(self, *command: str) -> str:
        """Run a command on the node and return its output.

        Raises:
            SandboxError: The command failed; the text ends with what it printed.
        """
        answer = subprocess.run(
            [*self.entering(), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            said = (answer.stderr or answer.stdout).strip()
            raise SandboxError(f"{' '.join(command)} failed on {self.name}:\n{said}")
        return answer.stdout

    @property
    def _cgroup(self) -> str:
        return f"kata-node-{self._digest[:8]}"

    @property
    def _path(self) -> str:
        return f"/api/v1/nodes/{self.name}"

    def _init(self) -> int:
        """Return the ID that the first process of the node has here."""
        process = cgroups.init(self._cgroup)
        if process is None:
            raise SandboxError(f"{self.name} is not running")
        return process

    def _install(self) -> None:
        """Make a new machine; it is complete once its settings are written."""
        base, tools = ensure_base(), ensure_node_tools()
        self._wipe()
        self._folder.mkdir(parents=True)
        disks.make(self._folder, self.name, self._control_plane.certificates / "ca")
        Machine(
            name=self.name,
            cgroup=self._cgroup,
            number=int(self._digest[:4], 16),
            base=str(base),
            tools=str(tools),
            api_server=self._control_plane.port,
            registry=self._control_plane.registry_port,
        ).write(self._folder)

    def _wipe(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)

    def _boot_id(self) -> str:
        node = self._node()
        return node["status"]["nodeInfo"]["bootID"] if node else ""

    def _node(self) -> Manifest:
        """Return the Node object, empty if there is none."""
        with self._control_plane.connect() as kube:
            try:
                return kube.get(self._path)
            except RefusedError as error:
                if error.status != _NOT_FOUND:
                    raise
                return {}


def _is_ready(node: Manifest, boot_before: str) -> bool:
    status = node.get("status", {})
    conditions = {entry["type"]: entry["status"] for entry in status.get("conditions", [])}
    return conditions.get("Ready") == "True" and status["nodeInfo"]["bootID"] != boot_before
