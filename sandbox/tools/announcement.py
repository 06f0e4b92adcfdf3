"""What is said before tools are downloaded or built: which, how long it takes, how to avoid it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from math import ceil
from urllib.parse import urlsplit

from sandbox.tools.tool import Binary, Tool


def announced(missing: Sequence[Tool], sizes: Mapping[str, int], kept: object) -> str:
    """Return the announcement; `sizes` are the bytes to download, by module, 0 of what is built."""
    rows = [(cost(tool, sizes), wanted(tool)) for tool in missing]
    width = max(len(text) for text, _ in rows)
    return "\n".join(
        (
            "The local cluster needs programs that are not on this machine:",
            *(f"  {text:{width}}  {names}" for text, names in rows),
            f"That is {total(missing, sizes)}, this once: they stay in",
            f"{kept}.{_out_of_reach(missing, sizes)}",
            "Programs on PATH in these versions are used as they are; `python -m sandbox doctor`",
            "shows what was found. Ctrl-C loses only the program that is being made.",
        )
    )


def wanted(tool: Tool) -> str:
    """Return what to have on PATH: the names, and the versions that will do."""
    groups = groupby(tool.binaries, lambda binary: _versions(tool, binary))
    return "; ".join(
        f"{', '.join(binary.name for binary in binaries)}{versions}"
        for versions, binaries in groups
    )


def cost(tool: Tool, sizes: Mapping[str, int]) -> str:
    """Return what it takes to get a tool."""
    if sizes[tool.module]:
        return f"download {megabytes(sizes[tool.module])}"
    if _is_brought(tool, sizes):
        return "comes with pulumi"
    return f"build, {tool.minutes:g} min"


def total(missing: Sequence[Tool], sizes: Mapping[str, int]) -> str:
    """Return what it takes to get all of them."""
    size = sum(sizes.values())
    minutes = sum(tool.minutes for tool in missing if is_built(tool, sizes))
    parts = [f"{megabytes(size)} to download"] if size else []
    parts += [f"about {ceil(minutes)} minutes to build on 2 cores"] if minutes else []
    return " and ".join(parts)


def is_built(tool: Tool, sizes: Mapping[str, int]) -> bool:
    """Return whether a missing tool has to be built."""
    return not (sizes[tool.module] or _is_brought(tool, sizes))


def megabytes(size: int) -> str:
    """Return a number of bytes as a person reads it."""
    return f"{size / 1e6:,.0f} MB"


def _versions(tool: Tool, binary: Binary) -> str:
    return f" {tool.will_do(binary)}" if binary.version_args else ""


def _is_brought(tool: Tool, sizes: Mapping[str, int]) -> bool:
    return any(sizes.get(binary.companion) for binary in tool.binaries)


def _out_of_reach(missing: Sequence[Tool], sizes: Mapping[str, int]) -> str:
    sites = {
        urlsplit(tool.release.url).hostname or ""
        for tool in missing
        if tool.release and not sizes[tool.module]
    }
    return f" Nothing can be downloaded from {', '.join(sorted(sites))}." if sites else ""
