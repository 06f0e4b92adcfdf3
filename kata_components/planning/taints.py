"""Which taints keep per-node Jobs off a node, for upstream's dispatcher from 4.1.0 on. Pure.

The dispatcher pins a Job to its node, bypassing the scheduler, and evaluates taints itself, as for
the pods of a DaemonSet (contract 5.2, D8, D9).
"""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final

from kata_components.kubernetes.nodes import Node, Taint
from kata_components.settings.implied_tolerations import IMPLIED_TOLERATIONS

Toleration = Mapping[str, Any]
"""As in a pod spec."""

_BLOCKING: Final = frozenset({"NoSchedule", "NoExecute"})


def blocking(node: Node, tolerations: Sequence[Toleration]) -> str:
    """Return the first taint that keeps a Job off the node, as `kubectl taint` writes it, or ""."""
    return next(
        (
            written(taint)
            for taint in node.taints
            if _blocks(taint, (*tolerations, *IMPLIED_TOLERATIONS))
        ),
        "",
    )


def evicting(node: Node, tolerations: Sequence[Toleration]) -> str:
    """Return the first taint that evicts a Job's pods from the node, in the same form, or "".

    Those with which Kubernetes marks a NotReady node are left out: its condition says the same.
    """
    ending = (taint for taint in node.taints if taint.effect == "NoExecute")
    return next(
        (
            written(taint)
            for taint in ending
            if _blocks(taint, (*tolerations, *IMPLIED_TOLERATIONS))
        ),
        "",
    )


def startup_taints(node: Node, matchers: Collection[str]) -> list[Taint]:
    """Return the taints of a node that are lifted once it serves (contract D48).

    A matcher is `key`, whatever the effect, or `key:effect`.
    """
    return [
        taint
        for taint in node.taints
        if not {taint.key, f"{taint.key}:{taint.effect}"}.isdisjoint(matchers)
    ]


def written(taint: Taint) -> str:
    """Return a taint as `kubectl taint` writes it."""
    return f"{taint.key}{f'={taint.value}' if taint.value else ''}:{taint.effect}"


def _blocks(taint: Taint, tolerations: Sequence[Toleration]) -> bool:
    return taint.effect in _BLOCKING and not any(
        _tolerates(toleration, taint) for toleration in tolerations
    )


def _tolerates(toleration: Toleration, taint: Taint) -> bool:
    if toleration.get("effect") not in {None, "", taint.effect} or toleration.get("key") not in {
        None,
        "",
        taint.key,
    }:
        return False
    return toleration.get("operator") == "Exists" or (toleration.get("value") or "") == (
        taint.value or ""
    )
