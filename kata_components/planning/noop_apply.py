"""Whether applying a manifest would leave a live object unchanged. Pure."""

import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

_KEYS: Final = ("name", "mountPath")
"""The merge keys of lists in a pod: of containers, env and volumes; of volume mounts."""

_QUANTITIES: Final = {"limits", "requests", "podFixed"}
"""The fields that hold quantities by resource name."""
_QUANTITY: Final = re.compile(r"([0-9]+(?:\.[0-9]+)?)(m|[kMGTPE]|[KMGTPE]i)?")
_SUFFIXES: Final[dict[str | None, Decimal]] = {
    None: Decimal(1),
    "m": Decimal("0.001"),
    **{suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)},
    **{f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)},
}


def is_noop_apply(live: Any, wanted: Any) -> bool:  # noqa: ANN401 - any part of a Kubernetes object
    """Return whether a live object has every field of a manifest; it may have more, as defaults.

    Absent and empty are the same: the API server omits what is empty.
    """
    if live is None:
        return not wanted
    if isinstance(wanted, Mapping):
        return isinstance(live, Mapping) and all(
            _covers(key, live.get(key), value) for key, value in wanted.items()
        )
    if isinstance(wanted, list):
        return isinstance(live, list) and _list_covers(live, wanted)
    return bool(live == wanted)


def _covers(key: str, live: Any, wanted: Any) -> bool:  # noqa: ANN401 # as above
    """Return the same for a field; quantities of resources are compared by value."""
    if key not in _QUANTITIES or not isinstance(live, Mapping) or not isinstance(wanted, Mapping):
        return is_noop_apply(live, wanted)
    return is_noop_apply(
        {k: _amount(v) for k, v in live.items()}, {k: _amount(v) for k, v in wanted.items()}
    )


def _amount(quantity: object) -> object:
    """Return the value of a quantity: the API server writes `2048Mi` as `2Gi`, and `1.0` as `1`."""
    found = _QUANTITY.fullmatch(str(quantity))
    if found is None:
        return quantity
    number, suffix = found.groups()
    return Decimal(number) * _SUFFIXES[suffix]


def _list_covers(live: Sequence[Any], wanted: Sequence[Any]) -> bool:
    key = next((k for k in _KEYS if all(_is_named(item, k) for item in (*live, *wanted))), None)
    if key is None or not wanted:
        return len(live) == len(wanted) and all(map(is_noop_apply, live, wanted))
    known = {item[key]: item for item in live}
    return all(is_noop_apply(known.get(item[key]), item) for item in wanted)


def _is_named(item: object, key: str) -> bool:
    return isinstance(item, Mapping) and isinstance(item.get(key), str)
