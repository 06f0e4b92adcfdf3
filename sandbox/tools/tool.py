"""What a tool is: binaries that share a pinned Go module, and where they come from."""

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from sandbox.tools.versions import Versions, patches_of

MODULES = Path(__file__).parent / "go"


@dataclass(frozen=True)
class Binary:
    """One executable. Its `repr` is part of `Tool.key`."""

    name: str
    package: str
    """The Go package it is built from."""
    version_args: tuple[str, ...] = ()
    """Arguments that make it print its version; empty if it cannot."""
    companion: str = ""
    """The binary it is released with. Without a version of its own, it counts only beside its
    companion."""
    versions: Versions | None = field(default=None, repr=False)
    """Which versions on PATH will do, if not just the patch releases of the pinned one."""


@dataclass(frozen=True)
class Release:
    """Where a tool is published, ready to run."""

    url: str
    """The URL of one binary, or of a .tar.gz; `downloads` fills in what is in braces."""
    sums: str
    """The URL of its SHA-256, alone or in a list of files."""
    others: tuple[str, ...] = ()
    """What is taken from the archive besides the tool's binaries."""


@dataclass(frozen=True)
class Tool:
    """Binaries that share a pinned module."""

    module: str
    """The name of its folder in `go/`."""
    version: str
    minutes: float
    """How long a cold build took on 2 cores."""
    binaries: tuple[Binary, ...]
    link_variables: Mapping[str, str] = field(default_factory=dict)
    """Go variables and the values the linker gives them."""
    tags: tuple[str, ...] = ()
    """Build tags."""
    release: Release | None = None
    """None: it is built, as it is published nowhere or without checksums."""

    @property
    def directory(self) -> Path:
        """The folder with the tool's `go.mod` and `go.sum`, and its `main.go` if it is ours."""
        return MODULES / self.module

    @property
    def build_flags(self) -> tuple[str, ...]:
        """Flags of `go build`: no paths, no debug information, the version linked in."""
        variables = "".join(f" -X {name}={value}" for name, value in self.link_variables.items())
        tags = ("-tags", ",".join(self.tags)) if self.tags else ()
        return ("-trimpath", *tags, "-ldflags", f"-s -w{variables}")

    @property
    def key(self) -> str:
        """What the built binaries depend on, as the name of their folder in the cache."""
        digest = hashlib.sha256()
        for file in sorted(self.directory.iterdir()):
            digest.update(file.read_bytes())
        digest.update(repr((self.build_flags, self.binaries)).encode())
        return f"{self.module}-{self.version}-{digest.hexdigest()[:12]}"

    @property
    def names(self) -> str:
        """The names of its binaries, for messages."""
        return ", ".join(binary.name for binary in self.binaries)

    def will_do(self, binary: Binary) -> Versions:
        """Return which versions of one of its binaries on PATH will do."""
        return binary.versions or patches_of(self.version)

    def without(self, names: Collection[str]) -> "Tool":
        """Return the tool with its other binaries alone."""
        others = (binary for binary in self.binaries if binary.name not in names)
        return replace(self, binaries=tuple(others))
