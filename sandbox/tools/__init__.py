"""Provides the programs the sandbox runs: from PATH, else downloaded or built, once."""

import shutil
from pathlib import Path

from sandbox.paths import cache_dir, pulumi_home
from sandbox.tools.announcement import announced
from sandbox.tools.builder import build, copy_pulumi_scripts, made_once, text_key
from sandbox.tools.catalog import NODE_TOOLS, PROVIDER, PULUMI_SCRIPTS, PULUMI_VERSION
from sandbox.tools.downloads import download, sizes
from sandbox.tools.messages import say
from sandbox.tools.plugins import ensure_provider
from sandbox.tools.stock import built_provider, found_of, places_in, stock, with_provider
from sandbox.tools.tool import Tool

__all__ = ["ensure_node_tools", "ensure_tools"]


def ensure_tools() -> Path:
    """Return a folder with all tools, to be put on PATH; get those that are missing.

    The plugin goes to `pulumi_home`.

    Raises:
        SandboxError: A tool is missing and cannot be built.
    """
    store = cache_dir() / "tools"
    places, missing = stock(store)
    needed = with_provider(missing, store)
    if needed:
        published = sizes(needed)
        say(announced(needed, published, cache_dir()))
    for tool in missing:
        places |= found_of(tool, store, places) or _got(tool, store, published[tool.module] > 0)
    places |= _pulumi_scripts(places["pulumi"], store)
    tools = _linked_together(places, store)
    built = built_provider(store)
    ensure_provider(pulumi_home(), tools / "pulumi", built, lambda: _got(PROVIDER, store))
    return tools


def ensure_node_tools() -> Path:
    """Return a folder with what runs on a real node; get what is missing.

    Raises:
        SandboxError: A tool is missing and cannot be built.
    """
    store = cache_dir() / "tools"
    places: dict[str, Path] = {}
    for tool in NODE_TOOLS:
        places |= _got(tool, store, is_published=True)
    return _linked_together(places, store)


def _got(tool: Tool, store: Path, is_published: bool = False) -> dict[str, Path]:
    """Download or build a tool and return its binaries."""

    def get(target: Path) -> None:
        if not (is_published and download(tool, target)):
            build(tool, target)

    made_once(store / tool.key, get)
    return places_in(store, tool)


def _pulumi_scripts(pulumi: Path, store: Path) -> dict[str, Path]:
    folder = pulumi.resolve().parent
    beside = {name: folder / name for name in (Path(script).name for script in PULUMI_SCRIPTS)}
    if all(place.exists() for place in beside.values()):
        return beside
    directory = made_once(store / f"pulumi-scripts-{PULUMI_VERSION}", copy_pulumi_scripts)
    return {name: directory / name for name in beside}


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
