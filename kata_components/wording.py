"""Phrases that messages share: how many nodes, which ones, for how long, what to grant."""

from collections.abc import Mapping, Sequence
from typing import Final

SHOWN_NODES: Final = 20
"""How many nodes a message names at most."""
_MINUTE: Final = 60

HOW_TO_GRANT: Final = (
    "A cluster administrator can grant exactly what is needed: put user or group, namespace and "
    "suffix into docs/operator-rbac.yaml (with rollout.runsIn: cluster also into "
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


def duration(seconds: float) -> str:
    """Return seconds as people write them: `45s`, `3m20s`, `2h05m`."""
    minutes, rest = divmod(round(seconds), _MINUTE)
    if minutes == 0:
        return f"{rest}s"
    hours, minutes = divmod(minutes, _MINUTE)
    return f"{hours}h{minutes:02d}m" if hours else f"{minutes}m{rest:02d}s"
