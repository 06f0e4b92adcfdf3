"""What there is of the tools: in the cache or on PATH, and what is missing."""

import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.tools.catalog import TOOLS
from sandbox.tools.finder import find_on_path
from sandbox.tools.tool import Tool


def stock(store: Path) -> tuple[dict[str, Path], list[Tool]]:
    """Return the place of each binary that will do, and the tools with the missing ones alone."""
    places: dict[str, Path] = {}
    missing = []
    for tool in TOOLS:
        found = found_of(tool, store, places)
        places |= found
        rest = tool.without(found)
        if rest.binaries:
            missing.append(rest)
    return places, missing


def found_of(tool: Tool, store: Path, others: Mapping[str, Path]) -> dict[str, Path]:
    """Return the binaries of one tool; the cache comes first, as no version must be asked there."""
    in_cache = places_in(store, tool)
    if in_cache:
        return in_cache
    on_path = find_on_path(tool, os.environ.get("PATH", ""), others)
    return on_path | places_in(store, tool.without(on_path))


def places_in(store: Path, tool: Tool) -> dict[str, Path]:
    """Return the binaries of a tool in its folder of the cache; none if it is not there."""
    directory = store / tool.key
    if not directory.exists():
        return {}
    return {binary.name: directory / binary.name for binary in tool.binaries}
