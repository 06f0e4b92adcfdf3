"""The processes of a local cluster, run by `kwokctl`: etcd, kwok and the usual control plane.

Owns the cluster's folder and its files: users and kubeconfigs, and what kwokctl is told.
What lives in the cluster (nodes and their behaviour) belongs to `cluster`.
"""

import csv
import os
import secrets
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import yaml

from sandbox.errors import SandboxError
from sandbox.helper import Helper
from sandbox.kube import Kube
from sandbox.kwok_configuration import API_SERVER, AUDIT_POLICY, KWOK, configuration
from sandbox.ports import REGISTRY, is_free, ports
from sandbox.processes import command_line
from sandbox.tools import ensure_tools
from sandbox.tools.catalog import KUBERNETES_VERSION
from sandbox.tools.messages import say

ADMIN = "local-admin"
OPERATOR = "operator"
USERS = {ADMIN: "system:masters", OPERATOR: ""}
"""Users of the cluster and their groups. `operator` has no rights until someone grants them."""

_NODE_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_SECONDS_TO_START = 120.0
_POLL_EVERY = 0.1
_COMPONENT_ENVIRONMENT = {"GOGC": "400"}
"""Trades memory for time: at Go's default rate, a quarter of the API server's time is garbage
collection."""


class ControlPlane:
    """One cluster's processes and files, under `<root>/clusters/<name>`."""

    def __init__(self, name: str, root: Path) -> None:
        self.name = name
        self._work = root / "kwok"
        self._home = root / "clusters" / name

    @property
    def context(self) -> str:
        """The name of the context in every kubeconfig of this cluster."""
        return f"kwok-{self.name}"

    @property
    def audit_log(self) -> Path:
        """The API server's audit log: one line of JSON per answered request, metadata only."""
        return self._kwok_home / "logs" / "audit.log"

    @property
    def certificates(self) -> Path:
        """The folder with the cluster's CA (`ca.crt`, `ca.key`), as kwokctl makes it."""
        return self._kwok_home / "pki"

    @property
    def real_nodes(self) -> Path:
        """The folder with a folder for each real node."""
        return self._home / "real-nodes"

    @property
    def _kwok_home(self) -> Path:
        return self._work / "clusters" / self.name

    @property
    def programs(self) -> Helper:
        """The process that runs the programs in dispatcher pods."""
        return Helper("sandbox.programs", self.kubeconfig(), self._home)

    @property
    def environment(self) -> dict[str, str]:
        """What `kwokctl` needs to know about this cluster."""
        return {"KWOK_WORKDIR": str(self._work), "KWOK_KUBE_VERSION": KUBERNETES_VERSION}

    def kubeconfig(self, user: str = ADMIN) -> Path:
        """Return the path of the kubeconfig of a user of `USERS`."""
        return self._home / f"{user}.kubeconfig"

    def exists(self) -> bool:
        """Return whether the cluster has been created, running or not."""
        return self.kubeconfig().exists()

    def runs(self) -> bool:
        """Return whether the API server is up and ready."""
        if not self.exists():
            return False
        with self.connect() as kube:
            return kube.answers()

    def connect(self, user: str = ADMIN) -> Kube:
        """Return a connection to the API server."""
        return Kube.of_kubeconfig(self.kubeconfig(user))

    def create(self) -> None:
        """Create and start the cluster, after removing what an interrupted creation left.

        Raises:
            SandboxError: It did not become ready; the message names the logs.
        """
        self.delete()
        self._home.mkdir(parents=True)
        tokens = self._write_users()
        tools = ensure_tools()
        say(f"creating the cluster {self.name} ...")
        arguments = [
            "create",
            "cluster",
            "--runtime",
            "binary",
            "--wait",
            f"{_SECONDS_TO_START:.0f}s",
        ]
        arguments += ["--disable-qps-limits", "--heartbeat-factor", "20"]
        arguments += [
            "--config",
            str(self._write_configuration(tools)),
            "--kube-audit-policy",
            str(self._write_audit()),
        ]
        self._kwokctl(*arguments, "--kubeconfig", str(self._home / "kwokctl.kubeconfig"))
        for user, token in tokens.items():
            self._write_kubeconfig(user, token)
        self.programs.start()

    def start(self) -> None:
        """Start the processes that are not running, and wait until the API server is ready.

        Raises:
            SandboxError: It did not become ready; the message names the logs.
        """
        self._forget_dead_processes()
        kwok_runs = self._process_file(KWOK).exists()
        self._start_processes()
        if not kwok_runs:
            self._free_nodes()
        self.programs.start()

    def _start_processes(self) -> None:
        self._kwokctl("start", "cluster")
        deadline = time.monotonic() + _SECONDS_TO_START
        with self.connect() as kube:
            while not kube.answers():
                if time.monotonic() > deadline:
                    raise SandboxError(
                        f"the API server of {self.name} is not ready: `python -m sandbox doctor` "
                        f"tells whether another program has its port; logs: "
                        f"{self._kwok_home / 'logs'}"
                    )
                time.sleep(_POLL_EVERY)

    def _free_nodes(self) -> None:
        """Free the nodes of a dead kwok, whose leases a new one would respect for 13 minutes."""
        self._kill(KWOK)
        with self.connect() as kube:
            kube.delete(_NODE_LEASES)
        self._forget_dead_processes()
        self._start_processes()

    def stop(self) -> None:
        """Stop all processes; the content stays."""
        self.programs.stop()
        self._kwokctl("stop", "cluster")

    def kill_apiserver(self) -> None:
        """Kill the API server as a crash would; `start` brings it back."""
        self._kill(API_SERVER)
        # Its threads die one by one. If the port were still taken, the next one would exit, and
        # kwokctl would wait for it for two minutes.
        while not is_free(self.port):
            time.sleep(_POLL_EVERY)

    @contextmanager
    def stopped(self, component: str) -> Iterator[None]:
        """Suspend a process for the context: it does no work and keeps its connections open."""
        process = int(self._process_file(component).read_text(encoding="utf-8"))
        os.kill(process, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(process, signal.SIGCONT)

    def _kill(self, component: str) -> None:
        """Kill a process and wait until it is gone."""
        os.kill(int(self._process_file(component).read_text(encoding="utf-8")), signal.SIGKILL)
        while self._alive(self._process_file(component)):
            time.sleep(_POLL_EVERY)

    def _forget_dead_processes(self) -> None:
        """Remove PID files of dead processes: kwokctl takes a zombie or a reused ID for alive."""
        for file in (self._kwok_home / "pids").glob("*.pid"):
            if not self._alive(file):
                file.unlink()

    def _alive(self, process_file: Path) -> bool:
        pid = process_file.read_text(encoding="utf-8").strip()
        return str(self._kwok_home) in command_line(pid)

    @property
    def port(self) -> int:
        """The port of the API server, on loopback."""
        config = yaml.safe_load(self.kubeconfig().read_text(encoding="utf-8"))
        return urlsplit(config["clusters"][0]["cluster"]["server"]).port or 443

    @property
    def registry_port(self) -> int:
        """The port of the registry from which real nodes pull images, on loopback."""
        return self.port + REGISTRY

    def _process_file(self, component: str) -> Path:
        return self._kwok_home / "pids" / f"{component}.pid"

    def delete(self) -> None:
        """Stop the cluster and remove all its content and files; do nothing if there is none."""
        self.programs.stop()
        if self._kwok_home.exists():
            self._kwokctl(
                "delete", "cluster", "--kubeconfig", str(self._home / "kwokctl.kubeconfig")
            )
        shutil.rmtree(self._home, ignore_errors=True)

    def _kwokctl(self, *arguments: str) -> None:
        command = [str(ensure_tools() / "kwokctl"), *arguments, "--name", self.name]
        environment = {**os.environ, **self.environment, **_COMPONENT_ENVIRONMENT}
        answer = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False
        )
        if answer.returncode != 0:
            raise SandboxError(
                f"kwokctl {arguments[0]} cluster {self.name} failed "
                f"(logs: {self._kwok_home / 'logs'}):\n{answer.stderr.strip()}"
            )

    def _write_users(self) -> dict[str, str]:
        tokens = {user: secrets.token_hex(16) for user in USERS}
        path = self._home / "users.csv"
        path.touch(mode=0o600)
        with path.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows(
                [token, user, user, USERS[user]] for user, token in tokens.items()
            )
        return tokens

    def _write_configuration(self, tools: Path) -> Path:
        documents = configuration(
            tools, ports(self._home), self._home / "users.csv", self.certificates
        )
        return self._write("kwok.yaml", documents)

    def _write_audit(self) -> Path:
        return self._write("audit-policy.yaml", [AUDIT_POLICY])

    def _write(self, name: str, documents: list[dict[str, Any]]) -> Path:
        path = self._home / name
        path.write_text(yaml.safe_dump_all(documents, sort_keys=False), encoding="utf-8")
        return path

    def _write_kubeconfig(self, user: str, token: str) -> None:
        made = yaml.safe_load((self._home / "kwokctl.kubeconfig").read_text(encoding="utf-8"))
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [entry for entry in made["clusters"] if entry["name"] == self.context],
            "users": [{"name": user, "user": {"token": token}}],
            "contexts": [
                {"name": self.context, "context": {"cluster": self.context, "user": user}}
            ],
            "current-context": self.context,
        }
        path = self.kubeconfig(user)
        path.touch(mode=0o600)
        path.write_text(yaml.safe_dump(config, sort_keys=False), encoding="utf-8")
