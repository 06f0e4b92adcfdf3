"""Programs that stand for tools, in folders that stand for PATH."""

import sys
import textwrap
from pathlib import Path

PRINTED = {
    "etcd": "etcd Version: 3.6.13",
    "kwok": "kwok version v0.8.0 go1.26.8 (linux/amd64)",
    "kwokctl": "kwokctl version v0.8.0 go1.26.8 (linux/amd64)",
    "pulumi": "v3.274.1",
    "pulumi-language-python": "",
    "kube-apiserver": "Kubernetes v1.36.5",
    "kube-controller-manager": "Kubernetes v1.36.5",
    "kube-scheduler": "Kubernetes v1.36.5",
    "kubectl": "Client Version: v1.35.1\nKustomize Version: v5.8.1",
}
"""What each tool prints when it is asked for its version."""


def program(place: Path, body: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}", encoding="utf-8")
    place.chmod(0o755)
    return place


def printing(place: Path, text: str) -> Path:
    return program(place, f"print({text!r})")


def all_tools(folder: Path) -> Path:
    """Put every tool of the catalog into a folder, in a version that will do."""
    for name, text in PRINTED.items():
        printing(folder / name, text)
    return folder
