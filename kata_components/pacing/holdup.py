"""What holds up a running Job, as one short text from what its pods, their events and its node say.

Pure.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from kata_components.foreign import bounded, printable
from kata_components.kubernetes.nodes import Node
from kata_components.kubernetes.pods import Event, Pod, PodStatus
from kata_components.planning.node_jobs import NodeJob
from kata_components.planning.taints import Toleration, evicting

_MOST: Final = 3
"""How many kinds of trouble are shown at once."""
_DETAIL: Final = 200
"""How many characters of a cluster's own words the row shows; a failure text has all of them."""


@dataclass(frozen=True, kw_only=True)
class Holdup:
    """Why the Job of a node does not progress."""

    what: str
    """The same text on all nodes with the same trouble."""
    detail: str = ""
    """The cluster's own words."""
    attempt: str = ""
    """Which attempt of the Job it is, empty for the first."""
    podless: bool = False
    """Whether no pod is at work on the node."""
    unwell: bool = False
    """Whether the node itself is in trouble."""

    @property
    def trouble(self) -> str:
        """What it is, without the cluster's own words."""
        return f"{self.what}{self.attempt and f' ({self.attempt})'}"

    def __str__(self) -> str:
        """Return all of it, for a failure text."""
        return ": ".join(filter(None, (self.trouble, self.detail)))


def explained_by_events(job: NodeJob, pods: Sequence[Pod]) -> str:
    """Return the UID of the object that only events explain, empty where the pods say enough.

    It is a Job whose pods cannot be created, or a pod whose sandbox or volumes cannot.
    """
    if not pods:
        return job.uid
    live = _live(pods)
    return _newest(live).metadata.uid if live and not _stage_trouble(_newest(live)) else ""


def holdup(
    job: NodeJob,
    pods: Sequence[Pod],
    node: Node | None,
    tolerations: Sequence[Toleration],
    events: Sequence[Event],
) -> Holdup:
    """Return what holds up a Job that has been running for a while.

    `events` are the warnings about the object of `explained_by_events`; `node` is None if unknown.
    """
    # At a deadline, the pod that is still being ended counts as failed already.
    begun = min(job.failed_pods + 1, job.attempts)
    attempt = f"attempt {begun} of {job.attempts}" if begun > 1 else ""
    live = _live(pods)
    podless = not live
    if node is not None and not node.ready:
        return Holdup(
            what="the node is NotReady", detail=node.trouble, attempt=attempt, unwell=True
        )
    if node is not None and (taint := evicting(node, tolerations)):
        return Holdup(what=f"the taint {taint} evicts its pods", attempt=attempt, podless=podless)
    warning = max(events, key=lambda event: event.time, default=None)
    warned = bounded(warning.message or "") if warning else ""
    if live:
        what, detail = _stage_trouble(_newest(live)) or (_unstarted(_newest(live)), warned)
        return Holdup(what=what, detail=detail, attempt=attempt)
    if not pods:
        return Holdup(what="the Job has no pod", detail=warned, attempt=attempt, podless=True)
    what, detail = _failed(_newest(pods))
    return Holdup(
        what=what,
        detail=detail,
        attempt=f"{attempt}, about to begin" if attempt else "",
        podless=True,
    )


def summarised(found: Mapping[str, Holdup]) -> tuple[str, ...]:
    """Return what holds up nodes, for the row: one short text per kind of trouble, by frequency."""
    kinds: dict[str, list[str]] = {}
    for node, held in sorted(found.items()):
        kinds.setdefault(held.trouble, []).append(node)
    ordered = sorted(kinds.items(), key=lambda kind: -len(kind[1]))
    return tuple(_line(trouble, nodes, found) for trouble, nodes in ordered[:_MOST])


def _line(trouble: str, nodes: Sequence[str], found: Mapping[str, Holdup]) -> str:
    whose = nodes[0] if len(nodes) == 1 else f"{nodes[0]} and {len(nodes) - 1} more"
    return ": ".join(filter(None, (whose, trouble, bounded(found[nodes[0]].detail, _DETAIL))))


def _newest(pods: Iterable[Pod]) -> Pod:
    return max(pods, key=lambda pod: pod.metadata.creation_timestamp or "")


def _live(pods: Iterable[Pod]) -> list[Pod]:
    return [pod for pod in pods if not pod.has_ended]


def _stage_trouble(pod: Pod) -> tuple[str, str] | None:
    """Return what the stages of a pod say, None while none of them has started."""
    if pod.stuck:
        stage, waiting = pod.stuck
        return f"stage {stage} cannot start", bounded(
            ": ".join(filter(None, (waiting.reason, waiting.message)))
        )
    return (f"stage {pod.running} is running", "") if pod.running else None


def _unstarted(pod: Pod) -> str:
    return "its pod is being started" if pod.stages else "the kubelet has not picked up its pod"


def _failed(pod: Pod) -> tuple[str, str]:
    if pod.failed is None:
        status = pod.status or PodStatus()
        words = ": ".join(filter(None, (status.reason, status.message)))
        return "its pod has failed", bounded(words)
    stage, ended = pod.failed
    words = ": ".join(
        filter(None, (f"exit code {ended.exit_code}", last_words(ended.message or "")))
    )
    return f"stage {stage} has failed", words


LINES: Final = 30
"""How many lines of a log are read: a chain of causes has up to eight."""
_LAST_LINES: Final = 3
"""How many lines are quoted if the log has no error of the node program."""
_MAX_TEXT: Final = 400
_ERROR: Final = "Error:"
"""How the node program's last message begins: a chain of causes, one per line, the most general
first."""


def last_words(log: str) -> str:
    """Return the last error of a log and its causes, without the middle if that is too long.

    The deepest cause says most, and comes last.
    """
    lines = [line.strip() for line in printable(log).splitlines() if line.strip()]
    begin = max(
        (number for number, line in enumerate(lines) if line.startswith(_ERROR)),
        default=-_LAST_LINES,
    )
    words = " | ".join(lines[begin:]).removeprefix(_ERROR).strip()
    if len(words) <= _MAX_TEXT:
        return words
    return f"{words[: _MAX_TEXT // 4 - 3]} … {words[-_MAX_TEXT * 3 // 4 :]}"
