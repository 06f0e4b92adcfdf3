"""The programs that the local cluster runs: where they are, or what it takes to get them."""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from sandbox.doctor.finding import Finding, Mark
from sandbox.doctor.go import go_findings
from sandbox.locks import is_held
from sandbox.tools.announcement import cost, is_built, total
from sandbox.tools.builder import lock_of
from sandbox.tools.catalog import PROVIDER, TOOLS
from sandbox.tools.finder import look_up, printed_version
from sandbox.tools.stock import stock, with_provider
from sandbox.tools.tool import Binary, Tool


class Programs(NamedTuple):
    """The findings, and what follows from them."""

    findings: list[Finding]
    builds: bool
    """Whether something has to be built."""
    first: str
    """What `make up` does first, as sentences; empty if nothing is missing."""


def examined(store: Path, sizes: Callable[[Sequence[Tool]], Mapping[str, int]]) -> Programs:
    """Look for all programs in the cache and on PATH; `sizes` is asked about those missing."""
    places, missing = stock(store)
    missing = with_provider(missing, store)
    published = sizes(missing)
    findings = [
        _present(tool, binary, places[binary.name], store)
        for tool in TOOLS
        for binary in tool.binaries
        if binary.name in places
    ]
    if PROVIDER not in missing:
        findings.append(Finding(Mark.OK, PROVIDER.names, "installed"))
    for tool in missing:
        findings += _missing(tool, store, places, published)
    builds = any(is_built(tool, published) for tool in missing)
    if builds:
        findings += go_findings()
    first = _first(total(missing, published)) if missing else ""
    return Programs(findings, builds, first)


def _first(total: str) -> str:
    return (
        f"First it gets what is marked `get`: {total}.\nWhat you put on PATH in the version that "
        "is needed, it need not get.\n"
    )


def _present(tool: Tool, binary: Binary, place: Path, store: Path) -> Finding:
    if place.is_relative_to(store):
        return Finding(Mark.OK, binary.name, f"{tool.version.removeprefix('v')}, in the cache")
    version = printed_version(str(place), *binary.version_args) if binary.version_args else ""
    return Finding(Mark.OK, binary.name, f"{version}, {place}" if version else str(place))


def _missing(
    tool: Tool, store: Path, places: Mapping[str, Path], published: Mapping[str, int]
) -> Iterator[Finding]:
    price = cost(tool, published)
    if is_held(lock_of(store / tool.key)):
        price = "another process is making it, and `make up` waits for that"
    for binary in tool.binaries:
        yield Finding(Mark.GET, binary.name, f"{_why(tool, binary, places)}: {price}")
        price = f"with {tool.binaries[0].name}"


def _why(tool: Tool, binary: Binary, places: Mapping[str, Path]) -> str:
    seen = look_up(tool, binary, os.environ.get("PATH", ""), places)
    if not binary.version_args:
        return f"not beside {binary.companion}" if binary.companion else "not installed"
    if seen.place is None:
        return f"{tool.will_do(binary)} is not on PATH"
    is_version = f"is {seen.version}" if seen.version else "prints no version"
    return f"{seen.place} {is_version}, needed is {tool.will_do(binary)}"
