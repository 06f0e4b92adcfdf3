"""Puts Pulumi's Kubernetes provider where the Pulumi CLI looks for plugins.

If Pulumi's site can be reached, the pinned version is downloaded from there within seconds; else
the provider is built like the other tools.
"""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from sandbox.locks import locked
from sandbox.tools.catalog import PROVIDER_VERSION
from sandbox.tools.messages import say

_PLUGIN = "pulumi-resource-kubernetes"
_FOLDER = f"resource-kubernetes-{PROVIDER_VERSION}"
_SECONDS_TO_DOWNLOAD = 300.0


def has_provider(home: Path, built: Path) -> bool:
    """Return whether the provider is there, so that nothing is downloaded or built for it."""
    there = shutil.which(_PLUGIN) or _is_installed(_in_home(home))
    return bool(there) or _of_user().exists() or built.exists()


def ensure_provider(home: Path, pulumi: Path, built: Path, build: Callable[[], object]) -> None:
    """Install the provider among the plugins of `home`, the PULUMI_HOME of `pulumi`.

    A provider on PATH is enough, as the CLI prefers it. `build` makes `built` if there is no other.

    Raises:
        SandboxError: The provider can neither be installed nor built.
    """
    place = _in_home(home)
    if shutil.which(_PLUGIN) or _is_installed(place):
        return
    with locked(
        home / ".provider.lock",
        on_wait=lambda: say(f"waiting for another process to make {_PLUGIN}"),
    ):
        users_own = _of_user()
        if users_own != place and users_own.exists():
            _link(place, users_own)
        elif built.exists():
            _link(place, built)
        elif not _is_installed(place) and not _install(home, pulumi):
            build()
            _link(place, built)


def _in_home(home: Path) -> Path:
    return home / "plugins" / _FOLDER / _PLUGIN


def _of_user() -> Path:
    return _in_home(Path(os.environ.get("PULUMI_HOME") or "~/.pulumi").expanduser())


def _is_installed(place: Path) -> bool:
    """Return whether the CLI installed it: this module makes links, perhaps to an older build."""
    return place.exists() and not place.is_symlink()


def _link(place: Path, source: Path) -> None:
    if place.is_symlink() and place.readlink() == source:
        return
    place.parent.mkdir(parents=True, exist_ok=True)
    fresh = place.with_name(f".{place.name}")
    fresh.unlink(missing_ok=True)
    fresh.symlink_to(source)
    fresh.replace(place)


def _install(home: Path, pulumi: Path) -> bool:
    say(f"installing Pulumi's Kubernetes provider {PROVIDER_VERSION} from its site ...")
    command = [
        str(pulumi),
        "plugin",
        "install",
        "resource",
        "kubernetes",
        PROVIDER_VERSION.removeprefix("v"),
    ]
    environment = {**os.environ, "PULUMI_HOME": str(home), "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        ended = subprocess.run(
            command,
            env=environment,
            capture_output=True,
            text=True,
            timeout=_SECONDS_TO_DOWNLOAD,
            check=False,
        )
    except subprocess.TimeoutExpired:
        ended = None
    if ended is not None and ended.returncode == 0:
        return True
    say(
        "Pulumi's site cannot be reached: the provider is built from older code instead "
        "(docs/adr/0006)"
    )
    return False
