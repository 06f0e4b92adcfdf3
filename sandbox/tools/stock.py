"""What there is of the tools: in the cache or on PATH, and what is missing."""

import os
from collections.abc import Mapping
from pathlib import Path

from sandbox.paths import pulumi_home
from sandbox.tools.catalog import PROVIDER, TOOLS
from sandbox.tools.finder import find_on_path
from sandbox.tools.plugins import has_provider
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


def with_provider(missing: list[Tool], store: Path) -> list[Tool]:
    """Return the missing tools, and the provider if it is missing, too."""
    there = has_provider(pulumi_home(), built_provider(store))
    return missing if there else [*missing, PROVIDER]


def built_provider(store: Path) -> Path:
    """Return where the provider is once it has been built."""
    return store / PROVIDER.key / PROVIDER.names


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
