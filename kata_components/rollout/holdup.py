"""What holds up a Job at work: from what its pods, their making and its node say to one short text. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kata_components.foreign import bounded
from kata_components.kubernetes.objects import Node
from kata_components.kubernetes.pods import Event, Pod, PodStatus
from kata_components.rollout.jobs import NodeJob
from kata_components.rollout.last_words import last_words
from kata_components.rollout.taints import Toleration, evicting

_MOST: Final = 3
"""So many kinds of trouble are told at once."""
_DETAIL: Final = 200
"""Characters of a cluster's own words on the row; a failure text has all of them."""


@dataclass(frozen=True, kw_only=True)
class Holdup:
    """Why the Job of a node does not get on.

    `what` is alike on all nodes of the same trouble, `detail` has the cluster's own words. `attempt` is empty in the
    first one. `podless`: nothing works on the node. `unwell`: the node itself is in trouble since its Job began.
    """

    what: str
    detail: str = ""
    attempt: str = ""
    podless: bool = False
    unwell: bool = False

    @property
    def trouble(self) -> str:
        """What it is, without the cluster's words."""
        return f"{self.what}{self.attempt and f' ({self.attempt})'}"

    def __str__(self) -> str:
        """Return all of it, for a failure text."""
        return ": ".join(filter(None, (self.trouble, self.detail)))


def holdup(
    job: NodeJob, pods: Sequence[Pod], node: Node | None, tolerations: Sequence[Toleration], events: Sequence[Event]
) -> Holdup:
    """Return what holds up a Job that has gone on for a while.

    `events` are about the making of its pods. A `node` that is not known says nothing.
    """
    attempt = f"attempt {job.failed_pods + 1} of {job.attempts}" if job.failed_pods else ""
    live = [pod for pod in pods if pod.status is None or pod.status.phase not in {"Failed", "Succeeded"}]
    podless = not live
    if node is not None and not node.ready:
        return Holdup(what="the node is NotReady", detail=node.trouble, attempt=attempt, unwell=True)
    if node is not None and (taint := evicting(node, tolerations)):
        return Holdup(what=f"the taint {taint} evicts its pods", attempt=attempt, podless=podless)
    if live:
        return _of_pod(_newest(live), attempt)
    if not pods:
        refused = max(events, key=lambda event: event.time, default=None)
        said = bounded(refused.message or "") if refused else ""
        return Holdup(what="no pod of it is there", detail=said, attempt=attempt, podless=True)
    what, detail = _failed(_newest(pods))
    return Holdup(what=what, detail=detail, attempt=f"{attempt}, about to begin" if attempt else "", podless=True)


def told(found: Mapping[str, Holdup]) -> tuple[str, ...]:
    """Return what holds nodes up, for the row: a short text for each kind of trouble, the most common ones first."""
    kinds: dict[str, list[str]] = {}
    for node, held in sorted(found.items()):
        kinds.setdefault(held.trouble, []).append(node)
    ordered = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    return tuple(_told(trouble, nodes, found) for trouble, nodes in ordered[:_MOST])


def _told(trouble: str, nodes: Sequence[str], found: Mapping[str, Holdup]) -> str:
    whose = nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {len(nodes) - 1} more"
    return ": ".join(filter(None, (whose, trouble, bounded(found[nodes[0]].detail, _DETAIL))))


def _newest(pods: Iterable[Pod]) -> Pod:
    return max(pods, key=lambda pod: pod.metadata.creation_timestamp or "")


def _of_pod(pod: Pod, attempt: str) -> Holdup:
    if pod.stuck:
        stage, waiting = pod.stuck
        words = ": ".join(filter(None, (waiting.reason, waiting.message)))
        return Holdup(what=f"stage {stage} cannot start", detail=bounded(words), attempt=attempt)
    if pod.running:
        return Holdup(what=f"stage {pod.running} is running", attempt=attempt)
    if not pod.stages:
        return Holdup(what="the kubelet has not taken up its pod", attempt=attempt)
    return Holdup(what="its pod is being started", attempt=attempt)


def _failed(pod: Pod) -> tuple[str, str]:
    if pod.failed is None:
        status = pod.status or PodStatus()
        words = ": ".join(filter(None, (status.reason, status.message)))
        return "its pod has failed", bounded(words)
    stage, ended = pod.failed
    words = ": ".join(filter(None, (f"exit code {ended.exit_code}", last_words(ended.message or ""))))
    return f"stage {stage} has failed", words
