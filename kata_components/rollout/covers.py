"""Whether applying a manifest would change a live object."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

_KEYS: Final = ("name", "mountPath")
"""By what server-side apply tells apart the items of a list in a pod: containers, env, volumes; volume mounts."""


def covers(live: Any, wanted: Any) -> bool:  # noqa: ANN401 - any part of a Kubernetes object
    """Return whether a live object has every field of a manifest already; it may have more, such as defaults.

    Absent and empty are the same: the API server leaves out what is empty.
    """
    if live is None:
        return not wanted
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(covers(live.get(key), value) for key, value in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and _list_covers(live, wanted)
    return bool(live == wanted)


def _list_covers(live: Sequence[Any], wanted: Sequence[Any]) -> bool:
    key = next((k for k in _KEYS if all(_is_named(item, k) for item in (*live, *wanted))), None)
    if key is None or not wanted:
        return len(live) == len(wanted) and all(map(covers, live, wanted))
    known = {item[key]: item for item in live}
    return all(covers(known.get(item[key]), item) for item in wanted)


def _is_named(item: object, key: str) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get(key), str)
