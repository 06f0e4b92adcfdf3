"""The environment in which `pulumi`, `kubectl` and `kwokctl` work on the local cluster and the local stack.

Everything is set by variables: no file of the person's own (`~/.kube/config`, `~/.pulumi`) is read or written.
"""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT
from sandbox.tools import ensure_tools
from sandbox.tools.builder import made_once, say, text_key

STACK = "local"
_PLUGIN = "pulumi-resource-kubernetes"
_PLUGIN_FOLDER = "resource-kubernetes-v4.32.0"


def environment(cluster: Cluster, root: Path) -> dict[str, str]:
    """Return the variables to export; makes the tools, the launcher of the stand-in and the state folder if missing."""
    state = state_dir(cluster, root)
    state.mkdir(parents=True, exist_ok=True)
    folders = [Path(sys.executable).parent, ensure_tools(), *_kubernetes_plugin(root)]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    return {
        "PATH": path,
        "KUBECONFIG": str(cluster.kubeconfig),
        **cluster.control_plane.environment,
        "PULUMI_HOME": str(root / "pulumi"),
        "PULUMI_BACKEND_URL": f"file://{state}",
        # The state of the local stack guards nothing: an empty passphrase keeps every command free of questions.
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def state_dir(cluster: Cluster, root: Path) -> Path:
    """Return the folder with the state of the local stack: one per cluster, since it describes that cluster."""
    return root / "state" / cluster.name


def export_line(name: str, value: str) -> str:
    """Return a line for a POSIX shell."""
    return f"export {name}={shlex.quote(value)}"


def select_stack(variables: dict[str, str]) -> None:
    """Make the local stack exist and be the selected one, in the local backend only.

    Raises:
        SandboxError: Pulumi could not; carries what it said.
    """
    command = ["pulumi", "stack", "select", "--create", STACK, "--non-interactive", "--color", "never"]
    answer = subprocess.run(
        command, env={**os.environ, **variables}, cwd=CHECKOUT, capture_output=True, text=True, check=False
    )
    if answer.returncode != 0:
        raise SandboxError(f"the stack {STACK} cannot be selected:\n{answer.stderr.strip()}")


def _kubernetes_plugin(root: Path) -> list[Path]:
    """Return the folder to put on PATH for the Kubernetes plugin: the official one's, else the stand-in's."""
    homes = [root / "pulumi", Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser()]
    for folder in (home / "plugins" / _PLUGIN_FOLDER for home in homes):
        if (folder / _PLUGIN).exists():
            return [folder]
    stand_ins = root / "stand-in"
    if _on_path_outside(stand_ins):
        return []
    say(f"the official {_PLUGIN} is not installed: using the stand-in of this checkout")
    return [made_once(stand_ins / text_key(_launcher()), _write_launcher)]


def _on_path_outside(folder: Path) -> bool:
    entries = os.environ.get("PATH", "").split(os.pathsep)
    path = os.pathsep.join(entry for entry in entries if folder not in Path(entry).parents)
    return shutil.which(_PLUGIN, path=path) is not None


def _launcher() -> str:
    checkout, python = shlex.quote(str(CHECKOUT)), shlex.quote(sys.executable)
    return f'#!/bin/sh\nPYTHONPATH={checkout} exec {python} -m sandbox.kubernetes_plugin "$@"\n'


def _write_launcher(directory: Path) -> None:
    launcher = directory / _PLUGIN
    launcher.write_text(_launcher(), encoding="utf-8")
    launcher.chmod(0o755)
