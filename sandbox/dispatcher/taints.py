"""Taints that keep Jobs off nodes, from 4.1.0 on, as those of a DaemonSet (contract D8, D9)."""

from collections.abc import Iterable
from typing import Any

Manifest = dict[str, Any]

_IMPLIED = [
    {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": effect}
    for key, effect in (
        ("not-ready", "NoExecute"),
        ("unreachable", "NoExecute"),
        ("disk-pressure", "NoSchedule"),
        ("memory-pressure", "NoSchedule"),
        ("pid-pressure", "NoSchedule"),
        ("unschedulable", "NoSchedule"),
    )
]


def blocker(node: Manifest, template: Manifest) -> str:
    """Return the first taint of the node that the template does not tolerate; empty if none."""
    tolerations = [*template["spec"]["template"]["spec"].get("tolerations", []), *_IMPLIED]
    for taint in node["spec"].get("taints", []):
        if taint["effect"] != "PreferNoSchedule" and not _is_tolerated(taint, tolerations):
            return f"{taint['key']}={taint.get('value', '')}:{taint['effect']}"
    return ""


def without(taints: Iterable[Manifest], matchers: Iterable[str]) -> list[Manifest]:
    """Return the taints that no matcher names; a matcher is `key` or `key:effect`."""
    named = set(matchers)
    return [
        taint for taint in taints if not {taint["key"], f"{taint['key']}:{taint['effect']}"} & named
    ]


def _is_tolerated(taint: Manifest, tolerations: Iterable[Manifest]) -> bool:
    for toleration in tolerations:
        same = toleration.get("operator") == "Exists" or toleration.get("value", "") == taint.get(
            "value", ""
        )
        fits = toleration.get("key") in {None, "", taint["key"]}
        if same and fits and toleration.get("effect") in {None, "", taint["effect"]}:
            return True
    return False
