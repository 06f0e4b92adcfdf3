"""A Pulumi stack, driven through the real CLI as a person would do it."""

import copy
import json
import os
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from kata_components.settings.profile import SUPPORTED_VERSIONS
from sandbox.cluster import Cluster

CHECKOUT = Path(__file__).resolve().parents[2]
SECONDS = 180.0
NEWEST = SUPPORTED_VERSIONS[-1]
NAME = f"e2e-{os.environ.get('PYTEST_XDIST_WORKER', 'alone')}"
"""The stack's name: one per test process, since `stack init` writes a file into the checkout."""


@dataclass(frozen=True)
class Run:
    """How a command ended and everything it printed."""

    code: int
    text: str

    @property
    def ok(self) -> bool:
        return self.code == 0


class Stack:
    """One stack with state and configuration of its own; nothing is written into the checkout."""

    def __init__(
        self,
        home: Path,
        cluster: Cluster,
        variables: dict[str, str],
        *,
        user: str,
        program: Path = CHECKOUT,
        project: str = "kata-deploy",
    ) -> None:
        self.cluster = cluster
        self._project = project
        self._program = program
        self.config_file = home / f"Pulumi.{NAME}.yaml"
        self.reports = home / "reports"
        state = home / "state"
        state.mkdir()
        self.variables = {
            **os.environ,
            **variables,
            "KUBECONFIG": str(cluster.kubeconfig_of(user)),
            "PULUMI_BACKEND_URL": f"file://{state}",
        }
        self.config: dict[str, Any] = {
            "kataVersion": NEWEST,
            "deploymentMode": "job",
            "cluster": {"context": cluster.context},
            # All nodes at once: the pace is tested where a test sets it, and canaries take longer.
            "job": {"parallelism": 100},
            "rollout": {"reportDir": str(self.reports), "waves": []},
            # One RuntimeClass instead of 24: what is tested here does not depend on their number.
            "shims": {"disableAll": True, "qemu": {"enabled": True}},
            "defaultShim": dict.fromkeys(("amd64", "arm64", "s390x", "ppc64le"), "qemu"),
        }
        self.run("stack", "init", NAME, "--no-select", config=False)
        # `stack init` writes it; this stack has its configuration elsewhere.
        (program / "stacks" / f"Pulumi.{NAME}.yaml").unlink(missing_ok=True)

    def copy(self) -> "Stack":
        """Return the same stack; how the copy is configured does not change this one."""
        other = copy.copy(self)
        other.config, other.variables = copy.deepcopy(self.config), dict(self.variables)
        return other

    def configure(self, **keys: Any) -> None:
        """Set configuration keys; None removes a key, a dict is merged into the present one."""
        for key, value in keys.items():
            if value is None:
                self.config.pop(key, None)
            elif isinstance(value, dict):
                self.config[key] = {**self.config.get(key, {}), **value}
            else:
                self.config[key] = value

    def preview(self, *arguments: str) -> Run:
        return self.run("preview", *arguments)

    def up(self, *arguments: str) -> Run:
        return self.run("up", "--yes", "--skip-preview", *arguments)

    def destroy(self) -> Run:
        return self.run("destroy", "--yes", "--skip-preview")

    def cancel(self) -> Run:
        return self.run("cancel", "--yes", NAME, config=False)

    def outputs(self) -> dict[str, Any]:
        outputs: dict[str, Any] = json.loads(
            self.run("stack", "output", "--json", config=False).text
        )
        return outputs

    def state(self) -> str:
        return self.run("stack", "export", config=False).text

    def has_resources(self) -> bool:
        """Return whether there is anything to destroy, including pending operations."""
        deployment: dict[str, Any] = json.loads(self.state())["deployment"]
        return bool(deployment.get("resources") or deployment.get("pending_operations"))

    def run(self, *arguments: str, config: bool = True) -> Run:
        process = self.start(*arguments, config=config)
        try:
            text, _ = process.communicate(timeout=SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            text, _ = process.communicate()
            raise AssertionError(f"{arguments[0]} does not end:\n{text}") from None
        return Run(process.returncode, text)

    def start(self, *arguments: str, config: bool = True) -> "subprocess.Popen[str]":
        """Start a command in a session of its own, so that signals reach nothing else."""
        command = ["pulumi", *arguments, "--non-interactive", "--color", "never"]
        if arguments[:2] != ("stack", "init") and arguments[0] != "cancel":
            command += ["--stack", NAME]
        if config:
            values = {f"{self._project}:{key}": value for key, value in self.config.items()}
            self.config_file.write_text(yaml.safe_dump({"config": values}))
            command += ["--config-file", str(self.config_file)]
        return subprocess.Popen(
            command,
            cwd=self._program,
            env=self.variables,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """Read the output of a command up to a line with `words`; return it."""
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if words in line:
            return "".join(lines)
    raise AssertionError(f"{words!r} was never printed:\n{''.join(lines)}")


def provider_pids(state_home: str) -> list[int]:
    """Return the dynamic provider processes with the stack's backend in their environment."""
    pids = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            command = (entry / "cmdline").read_bytes()
            environment = (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"pulumi.dynamic" in command and state_home.encode() in environment:
            pids.append(int(entry.name))
    return pids


def kill(pids: list[int]) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
