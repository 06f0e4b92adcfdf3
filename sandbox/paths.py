"""Where the sandbox keeps its files: outside the checkout, in one folder that is safe to delete."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
DEFAULT_NAME = "kata-deploy"
"""The name of the cluster that `make up` starts."""


def cache_dir() -> Path:
    """Return the folder for all files of the sandbox; `KATA_SANDBOX_CACHE` moves it."""
    chosen = os.environ.get("KATA_SANDBOX_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "kata-deploy-sandbox"


def pulumi_home() -> Path:
    """Return the PULUMI_HOME of the sandbox, with its plugins; the user's own is left alone."""
    return cache_dir() / "pulumi"
