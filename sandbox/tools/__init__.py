"""Provides the programs the sandbox runs: from PATH in the pinned version, else built once."""

import os
import shutil
from pathlib import Path

from sandbox.paths import cache_dir, pulumi_home
from sandbox.tools.builder import build, copy_pulumi_scripts, made_once, text_key
from sandbox.tools.catalog import PROVIDER, PULUMI_SCRIPTS, TOOLS, Tool
from sandbox.tools.finder import find_on_path
from sandbox.tools.plugins import ensure_provider

__all__ = ["ensure_tools"]


def ensure_tools() -> Path:
    """Return a folder with all tools, to be put on PATH; build those that are missing.

    The plugin goes to `pulumi_home`.

    Raises:
        SandboxError: A tool is missing and cannot be built.
    """
    store = cache_dir() / "tools"
    places: dict[str, Path] = {}
    for tool in TOOLS:
        places |= (
            _built(tool, store)
            or find_on_path(tool, os.environ.get("PATH", ""))
            or _build(tool, store)
        )
    places |= _pulumi_scripts(places["pulumi"], store)
    tools = _linked_together(places, store)
    built = store / PROVIDER.key / PROVIDER.binaries[0].name
    ensure_provider(pulumi_home(), tools / "pulumi", built, lambda: _build(PROVIDER, store))
    return tools


def _built(tool: Tool, store: Path) -> dict[str, Path] | None:
    """Return the binaries of an earlier build: the cheapest check, as no version must be asked."""
    directory = store / tool.key
    return (
        {binary.name: directory / binary.name for binary in tool.binaries}
        if directory.exists()
        else None
    )


def _build(tool: Tool, store: Path) -> dict[str, Path]:
    directory = made_once(store / tool.key, lambda target: build(tool, target))
    return {binary.name: directory / binary.name for binary in tool.binaries}


def _pulumi_scripts(pulumi: Path, store: Path) -> dict[str, Path]:
    names = [Path(script).name for script in PULUMI_SCRIPTS]
    beside = {name: pulumi.parent / name for name in names}
    if all(place.exists() for place in beside.values()):
        return beside
    directory = made_once(store / f"pulumi-scripts-{_version_of('pulumi')}", copy_pulumi_scripts)
    return {name: directory / name for name in names}


def _version_of(module: str) -> str:
    return next(tool.version for tool in TOOLS if tool.module == module)


def _linked_together(places: dict[str, Path], store: Path) -> Path:
    def link(directory: Path) -> None:
        for name, place in places.items():
            # Hard links: the language host resolves symbolic ones to find the scripts beside it.
            _same_file(place, directory / name)

    return made_once(store / f"bin-{text_key(f'hard links {sorted(places.items())}')}", link)


def _same_file(place: Path, name: Path) -> None:
    try:
        name.hardlink_to(place.resolve())
    except OSError:
        # Tools from PATH may be on another file system.
        shutil.copy2(place, name)
