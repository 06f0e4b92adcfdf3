"""Where the sandbox keeps what it makes: everything outside the checkout, under one folder that is safe to delete."""

import os
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent


def cache_dir() -> Path:
    """Return the folder of everything the sandbox makes; `KATA_SANDBOX_CACHE` moves it."""
    chosen = os.environ.get("KATA_SANDBOX_CACHE")
    if chosen:
        return Path(chosen).expanduser().resolve()
    home = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(home).expanduser() / "kata-deploy-sandbox"


def pulumi_home() -> Path:
    """Return the PULUMI_HOME of everything here, with the plugins; the person's own is another."""
    return cache_dir() / "pulumi"
