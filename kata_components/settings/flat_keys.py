"""Top-level keys such as `job.parallelism` that were meant as a value inside `job`."""

import re
import shlex
from collections.abc import Iterable, Mapping
from typing import Any

from kata_components.settings.merge import Path, Tree, layered
from kata_components.settings.problems import Problem

_LONGEST = 60
_HUGE = 10**_LONGEST
_PART = re.compile(r"""\.?([^.\[\]]+)|\[(\d+)\]|\["([^"\]]*)"\]""")


def flat_keys(tree: Mapping[str, object], known: Iterable[str]) -> dict[str, Path]:
    """Return the top-level keys that are paths into a known key, each with its path."""
    keys = set(known)
    paths = {key: _path(key) for key in tree if key not in keys}
    return {key: path for key, path in paths.items() if len(path) > 1 and path[0] in keys}


def _path(key: object) -> Path:
    if not isinstance(key, str) or len(key) > _LONGEST or not key.isprintable():
        return ()
    return tuple(name or index or quoted for name, index, quoted in _PART.findall(key))


def nested(tree: Mapping[str, Any], flat: Mapping[str, Path]) -> Tree:
    """Return the tree with each value moved to where it was meant, as far as maps lead there."""
    result = {key: value for key, value in tree.items() if key not in flat}
    for key, path in flat.items():
        if "[" not in key and not isinstance(result.get(path[0]), str | list):
            meant: Any = tree[key]
            for part in reversed(path):
                meant = {part: meant}
            result = layered(meant, result)
    return result


def in_stack(key: str, path: Path, value: object) -> Problem:
    """Return the problem of such a key in the stack's configuration; None hides the value."""
    quoted = shlex.quote(key)
    return Problem(
        (key,),
        f"was set without --path, so it is a separate key, not one inside {path[0]}; "
        f"run `pulumi config rm {quoted}` and "
        f"`pulumi config set --path {quoted} {_as_typed(value)}`",
    )


def in_file(key: str, path: Path) -> Problem:
    """Return the problem of such a key in a values file."""
    written = f"{': {'.join(path)}: …{'}' * (len(path) - 1)}"
    return Problem((key,), f"is a separate key here, not one inside {path[0]}; write `{written}`")


def _as_typed(value: object) -> str:
    """Return a value as typed in a shell, or a placeholder when it is too long for a message."""
    if isinstance(value, bool):
        return str(value).lower()
    is_short = (
        len(value) <= _LONGEST
        if isinstance(value, str)
        else isinstance(value, int) and abs(value) < _HUGE
    )
    text = str(value) if is_short else ""
    return shlex.quote(text) if text.isprintable() and text else "<value>"
