"""Merging values as Helm does, and comparing them.

Except for `layered`, nothing here descends deeper than the defaults, so any input is safe.
"""

from collections.abc import Iterator, Mapping
from typing import Any

Path = tuple[str, ...]
Tree = dict[str, Any]


def layered(under: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Return one layer of values over another; None stays, to remove the default later.

    Descends as deep as both do; one of them is a file, whose depth is limited where it is read.
    """
    both = {key: value for key, value in over.items() if _are_maps(under.get(key), value)}
    return {**under, **over, **{key: layered(under[key], value) for key, value in both.items()}}


def _are_maps(*values: object) -> bool:
    return all(isinstance(value, Mapping) for value in values)


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Tree:
    """Return `over` merged into `base`: maps merge, anything else replaces, None removes."""
    result = dict(base)
    for key, value in over.items():
        if value is None:
            result.pop(key, None)
        elif _are_maps(base.get(key), value):
            result[key] = merged(base[key], value)
        else:
            result[key] = value
    return result


def differences(value: Any, default: Any, path: Path) -> Iterator[tuple[Path, Any]]:  # noqa: ANN401 - any values
    """Yield path and value of everything in `value` that differs from `default`."""
    if isinstance(value, Mapping) and isinstance(default, Mapping) and default:
        for key, inner in value.items():
            yield from differences(inner, default.get(key), (*path, str(key)))
    elif value != default:
        yield path, value


def added(value: Mapping[str, Any], base: Mapping[str, Any], path: Path = ()) -> Iterator[Path]:
    """Yield the path of everything in `value` that `base` lacks; an empty map lacks nothing."""
    for key, inner in value.items():
        if key not in base:
            yield (*path, key)
        elif base[key] and _are_maps(inner, base[key]):
            yield from added(inner, base[key], (*path, key))


def select(tree: object, pattern: Path, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    """Yield path and value of what a pattern matches.

    `*` matches any key, `a*` any that begins with `a`.
    """
    if not pattern:
        yield path, tree
    elif isinstance(tree, Mapping):
        head, *rest = pattern
        for key in tree if head.endswith("*") else (head,):
            if key in tree and _fits(key, head):
                yield from select(tree[key], tuple(rest), (*path, str(key)))


def without(tree: object, pattern: Path) -> Any:  # noqa: ANN401 - any values
    """Return the tree without what the pattern matches."""
    if not isinstance(tree, Mapping):
        return tree
    head, *rest = pattern
    if not rest:
        return {key: value for key, value in tree.items() if not _fits(key, head)}
    return {
        key: without(value, tuple(rest)) if _fits(key, head) else value
        for key, value in tree.items()
    }


def _fits(key: object, head: str) -> bool:
    if head.endswith("*"):
        return head == "*" or (isinstance(key, str) and key.startswith(head[:-1]))
    return key == head


def at(tree: object, path: Path) -> Any:  # noqa: ANN401 - any values
    """Return the value at a path, None without one."""
    return next((value for _, value in select(tree, path)), None)
