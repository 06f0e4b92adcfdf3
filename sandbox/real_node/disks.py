"""What a new node has on its disks, beside Debian's packages (`base`)."""

import os
import shutil
import subprocess
from pathlib import Path

from sandbox.errors import SandboxError

FILES = Path(__file__).parent / "root"
"""What all nodes have in common."""


def make(folder: Path, name: str, authority: Path) -> None:
    """Make the disks of a node of that name in an empty folder.

    `upper` is laid over Debian's packages in `root`, by means of `work`; `containerd` is a disk of
    its own. The node gets a certificate from the authority: a path without `.crt` and `.key`.

    Raises:
        SandboxError: The certificate cannot be made.
    """
    upper = folder / "upper"
    shutil.copytree(FILES, upper)
    for disk in ("work", "root", "containerd"):
        (folder / disk).mkdir()
    # Whatever the umask: not only root uses them.
    for root in (upper, folder / "root"):
        root.chmod(0o755)
    (upper / "etc/hostname").write_text(f"{name}\n", encoding="utf-8")
    (upper / "etc/machine-id").write_text(f"{os.urandom(16).hex()}\n", encoding="utf-8")
    _write_credentials(upper / "etc/kubernetes", name, authority)


def _write_credentials(folder: Path, name: str, authority: Path) -> None:
    """Write the files that the kubeconfig of the node names."""
    shutil.copyfile(f"{authority}.crt", folder / "ca.crt")
    command = [
        *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
        *("-nodes", "-days", "365", "-subj", f"/O=system:nodes/CN=system:node:{name}"),
        *("-CA", f"{authority}.crt", "-CAkey", f"{authority}.key"),
        *("-keyout", str(folder / "kubelet.key"), "-out", str(folder / "kubelet.crt")),
    ]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise SandboxError(f"openssl cannot sign a certificate:\n{answer.stderr.strip()}")
