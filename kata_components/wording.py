"""Phrases that messages share: how many nodes, which ones, for how long, what to grant."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from kata_components import names

SHOWN_NODES: Final = 20
"""How many nodes a message names at most."""
SHOWN_RUNS: Final = 5
"""How many ranges of names, or single ones, a line names at most."""
_MINUTE: Final = 60
_NUMBER: Final = re.compile(r"[0-9]+\Z")
_RANGE: Final = 3
"""From how many successive names on a range is shorter."""

HOW_TO_GRANT: Final = (
    "A cluster administrator can grant exactly what is needed: put user or group, namespace and "
    "suffix into docs/operator-rbac.yaml of kata-deploy (with rollout.runsIn: cluster also into "
    "docs/operator-rbac-cluster.yaml), then `kubectl apply -f docs/operator-rbac.yaml`"
)


def counts(counted: Mapping[str, int]) -> str:
    """Return `21 upToDate, 3 install`-like text."""
    return ", ".join(f"{number} {action}" for action, number in counted.items()) or "no nodes"


def nodes(count: int) -> str:
    """Return `1 node` or `N nodes`."""
    return "1 node" if count == 1 else f"{count} nodes"


def some(items: Sequence[str], most: int = 5) -> str:
    """Return the first items and how many more there are: `a, b and 3 more`."""
    shown = ", ".join(items[:most])
    return f"{shown} and {len(items) - most} more" if len(items) > most else shown


class Names(NamedTuple):
    """One or several names, as a message writes them, and how many they are."""

    text: str
    size: int


def runs(names: Iterable[str]) -> list[Names]:
    """Return the names in the order of their numbers, three or more successive ones as a range.

    `worker-0025 … worker-0044` has every number from 25 to 44.
    """
    found: list[list[str]] = []
    for name in sorted(names, key=_numbered):
        if found and name == _successor(found[-1][-1]):
            found[-1].append(name)
        else:
            found.append([name])
    return [names for run in found for names in _written(run)]


def listed(names: Sequence[Names]) -> str:
    """Return the first ones, and how many names are left: `a, b … f and 3 more`."""
    shown = ", ".join(name.text for name in names[:SHOWN_RUNS])
    more = sum(name.size for name in names[SHOWN_RUNS:])
    return f"{shown} and {more} more" if more else shown


def named(names: Iterable[str]) -> str:
    """Return the names of nodes in short: `worker-0003, worker-0005 … worker-0009 and 3 more`."""
    return listed(runs(names))


def _written(run: Sequence[str]) -> list[Names]:
    if len(run) < _RANGE:
        return [Names(name, 1) for name in run]
    return [Names(f"{run[0]} … {run[-1]}", len(run))]


def _numbered(name: str) -> tuple[str, int, str]:
    number = _NUMBER.search(name)
    return (name[: number.start()], int(number[0]), name) if number else (name, -1, name)


def _successor(name: str) -> str | None:
    number = _NUMBER.search(name)
    return number and f"{name[: number.start()]}{int(number[0]) + 1:0{len(number[0])}}"


def duration(seconds: float) -> str:
    """Return seconds as people write them: `45s`, `3m20s`, `2h05m`."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes == 0:
        return f"{rest}s"
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"


def setting(key: str, value: str) -> str:
    """Return how to set a key, in a program's own settings or in the configuration of a stack."""
    return f"{key}: {value} (`pulumi config set --path {names.PROJECT}:{key} {value}`)"
