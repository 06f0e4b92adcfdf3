"""What became of a node's last Job, under the names that upstream's dispatcher uses. Pure.

It leaves them from 0.3.0 on (kata-4.2.0, section 3.6). They are for people and other tools: no plan
depends on them, as the installations on a node share them.
"""

from typing import Any, Final

from kata_components import names
from kata_components.kubernetes.objects import Metadata
from kata_components.planning.node_change import NodeChange
from kata_components.planning.node_mark import is_since
from kata_components.planning.step import Step

EVENT_NAMESPACE: Final = "default"
"""Where Kubernetes keeps the Events about objects without a namespace."""
_ANNOTATIONS: Final = (names.ERROR_ANNOTATION, names.FINISHED_AT_ANNOTATION)


def succeeded(now: str) -> NodeChange:
    """Return what is written on a node whose Job has succeeded."""
    return _recorded("succeeded", now, None)


def failed(now: str, error: str) -> NodeChange:
    """Return what is written on a node that has failed."""
    return _recorded("failed", now, error)


def removed(seen: Metadata) -> NodeChange:
    """Return the change that removes what a node has of it."""
    left = [key for key in _ANNOTATIONS if seen.annotation(key) is not None]
    labelled = seen.label(names.RESULT_LABEL) is not None
    return NodeChange(
        annotations=dict.fromkeys(left), labels={names.RESULT_LABEL: None} if labelled else {}
    )


def error_since(seen: Metadata, time: str) -> str:
    """Return why the node's last Job failed, empty if that was recorded before a time.

    Then an earlier run has left it. `time` is RFC 3339, UTC.
    """
    finished = seen.annotation(names.FINISHED_AT_ANNOTATION)
    is_new = bool(finished) and is_since(finished or "", time)
    return (seen.annotation(names.ERROR_ANNOTATION) or "") if is_new else ""


def failure_event(step: Step, error: str, now: str) -> dict[str, Any]:
    """Return the Event about a node that has failed."""
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"generateName": f"{step.node}.", "namespace": EVENT_NAMESPACE},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Node",
            "name": step.node,
            "uid": step.node_uid,
        },
        "type": "Warning",
        "reason": "JobFailed",
        "message": error,
        "source": {"component": names.PROJECT, "host": step.node},
        "firstTimestamp": _whole_seconds(now),
        "lastTimestamp": _whole_seconds(now),
        "count": 1,
    }


def _recorded(result: str, now: str, error: str | None) -> NodeChange:
    return NodeChange(
        annotations={
            names.ERROR_ANNOTATION: error,
            names.FINISHED_AT_ANNOTATION: _whole_seconds(now),
        },
        labels={names.RESULT_LABEL: result},
    )


def _whole_seconds(time: str) -> str:
    return f"{time.partition('.')[0].removesuffix('Z')}Z"
