"""Version numbers of programs: reading them from a text, and saying which ones will do."""

import re
from typing import NamedTuple

_NUMBER = re.compile(r"v?(\d+\.\d+(?:\.\d+)?)")


def version_in(text: str) -> str:
    """Return the first version number in `text` without a leading v; empty if there is none."""
    match = _NUMBER.search(text)
    return match[1] if match else ""


def numbers(version: str) -> tuple[int, ...]:
    """Return the parts of a version number; none for an empty one."""
    return tuple(int(part) for part in version.split(".") if part)


class Versions(NamedTuple):
    """The versions from `first` to `last`; the last covers all that begin with its numbers."""

    first: str
    last: str

    def __contains__(self, version: object) -> bool:
        parts, last = numbers(str(version)), numbers(self.last)
        return numbers(self.first) <= parts and parts[: len(last)] <= last

    def __str__(self) -> str:
        if self.first == self.last:
            return self.first
        if self.first.startswith(f"{self.last}."):
            return f"{self.first} or newer"
        return f"{self.first} to {self.last}"


def patches_of(version: str) -> Versions:
    """Return all patch releases of the version's minor release."""
    minor = ".".join(map(str, numbers(version_in(version))[:2]))
    return Versions(minor, minor)
