"""What changes between two versions of an object's inputs, and whether that replaces the object.

Pure. Old inputs are compared with new inputs: what the API server adds or rewrites (defaults, `1000m` to `1`) is no
difference. Changes that others made to the live object come in through a refresh, which puts them into the inputs.
"""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from sandbox.kubernetes_plugin.kinds import Path
from sandbox.kubernetes_plugin.objects import is_autonamed
from sandbox.kubernetes_plugin.values import UNKNOWN

_NEEDS_QUOTES: Final = re.compile(r'[."\[\]]')
_ABSENT: Final = object()


class Change(Enum):
    """What happens to one property."""

    ADD = "ADD"
    DELETE = "DELETE"
    UPDATE = "UPDATE"


@dataclass(frozen=True)
class Difference:
    """One property that differs; `replaces` says that the object has to be made anew."""

    path: Path
    change: Change
    replaces: bool


def differences(
    old: dict[str, Any], new: dict[str, Any], immutable: Collection[Path], ignored: Collection[str] = ()
) -> list[Difference]:
    """Return how `new` differs from `old` (both without secrets), without what is below an `ignored` property path."""
    return [
        Difference(path, change, any(_overlap(path, other) for other in immutable))
        for path, change in _compare((), old, new)
        if not any(_below(path_text(path), other) for other in ignored)
    ]


def deletes_before_replace(old: dict[str, Any], new: dict[str, Any]) -> bool:
    """Return whether a replacement takes the very name of the old object, so that this one has to go first."""
    return bool(_identity(new)[1]) and not is_autonamed(new) and _identity(old) == _identity(new)


def path_text(path: Path) -> str:
    """Return a path in Pulumi's notation, such as `metadata.labels["a.b/c"]` or `rules[0].verbs`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _NEEDS_QUOTES.search(step):
            quoted = step.replace('"', '\\"')
            text += f'["{quoted}"]'
        else:
            text += f".{step}" if text else step
    return text


def _compare(path: Path, old: Any, new: Any) -> Iterator[tuple[Path, Change]]:  # noqa: ANN401 - any JSON value
    if old is _ABSENT:
        yield path, Change.ADD
    elif new is _ABSENT:
        yield path, Change.DELETE
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in [*old, *(key for key in new if key not in old)]:
            yield from _compare((*path, key), old.get(key, _ABSENT), new.get(key, _ABSENT))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _compare((*path, index), _at(old, index), _at(new, index))
    elif new is UNKNOWN or type(old) is not type(new) or old != new:
        yield path, Change.UPDATE


def _at(items: list[Any], index: int) -> Any:  # noqa: ANN401 - any JSON value
    return items[index] if index < len(items) else _ABSENT


def _overlap(path: Path, immutable: Path) -> bool:
    """Return whether a change at `path` touches `immutable`: at it, below it, or with a parent that comes or goes."""
    length = min(len(path), len(immutable))
    return path[:length] == immutable[:length]


def _below(path: str, ignored: str) -> bool:
    return path == ignored or path.startswith((f"{ignored}.", f"{ignored}["))


def _identity(manifest: dict[str, Any]) -> tuple[str, str]:
    metadata = manifest.get("metadata") or {}
    return str(metadata.get("namespace") or "default"), str(metadata.get("name") or "")
