"""The environment in which `pulumi`, `kubectl` and `kwokctl` work on the local cluster and the local stack.

Everything is set by variables: no file of the person's own (`~/.kube/config`, `~/.pulumi`) is read
or written.
"""

import os
import shlex
import subprocess
import sys
from pathlib import Path

from sandbox.cluster import Cluster
from sandbox.errors import SandboxError
from sandbox.paths import CHECKOUT, pulumi_home
from sandbox.tools import ensure_tools

STACK = "local"


def environment(cluster: Cluster, root: Path) -> dict[str, str]:
    """Return the variables to export; makes the tools and the state folder if missing."""
    state = state_dir(cluster, root)
    state.mkdir(parents=True, exist_ok=True)
    folders = [Path(sys.executable).parent, ensure_tools()]
    path = os.pathsep.join([*map(str, folders), os.environ.get("PATH", os.defpath)])
    return {
        "PATH": path,
        "KUBECONFIG": str(cluster.kubeconfig),
        **cluster.control_plane.environment,
        "PULUMI_HOME": str(pulumi_home()),
        "PULUMI_BACKEND_URL": f"file://{state}",
        # The state of the local stack guards nothing: an empty passphrase keeps every command free
        # of questions.
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # What the program says by an option that a provider built here is too old to know.
        "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
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
    command = [
        "pulumi",
        "stack",
        "select",
        "--create",
        STACK,
        "--non-interactive",
        "--color",
        "never",
    ]
    answer = subprocess.run(
        command,
        env={**os.environ, **variables},
        cwd=CHECKOUT,
        capture_output=True,
        text=True,
        check=False,
    )
    if answer.returncode != 0:
        raise SandboxError(f"the stack {STACK} cannot be selected:\n{answer.stderr.strip()}")
