"""The environment in which `pulumi`, `kubectl` and `kwokctl` use the local cluster and stack.

Everything is set by variables: none of the user's own files (`~/.kube/config`, `~/.pulumi`) is read
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
    """Return the variables to export; build missing tools and create the state folder."""
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
        # The state of the local stack holds no secrets: with an empty passphrase no command has to
        # ask for one.
        "PULUMI_CONFIG_PASSPHRASE": "",
        "PULUMI_SKIP_UPDATE_CHECK": "true",
        # The program sets an option for this, but a provider built here is too old to know it.
        "PULUMI_K8S_ENABLE_PATCH_FORCE": "true",
        "PULUMI_PYTHON_CMD": sys.executable,
    }


def state_dir(cluster: Cluster, root: Path) -> Path:
    """Return the folder with the state of the local stack, which describes that one cluster."""
    return root / "state" / cluster.name


def export_line(name: str, value: str) -> str:
    """Return a line for a POSIX shell."""
    return f"export {name}={shlex.quote(value)}"


def select_stack(variables: dict[str, str]) -> None:
    """Select the local stack, creating it if needed; the local backend alone is used.

    Raises:
        SandboxError: Pulumi failed; the text includes its message.
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
