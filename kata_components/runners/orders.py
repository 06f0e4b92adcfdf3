"""What the commands of a pacer mean for the kind that is paced."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kata_components.kubernetes.nodes import Node
from kata_components.planning.node_jobs import JobStamp
from kata_components.planning.step import Step

Changes = Mapping[str, str | None]
"""Annotations or labels of a node to set; None removes one."""


@dataclass(frozen=True, kw_only=True)
class Orders:
    """What the pacer's commands mean for one kind.

    `marks` returns what is written on a node once its Job succeeded, `labels` the labels to set
    with it. `traces` returns what is written before a finished Job makes room for the next, where
    anything: killed between the two, a run must leave a trace. `beginnings` returns what is written
    on a node, looked at right before its Job, that a mark must not survive. `failures` returns what
    is written as soon as a Job has failed, which may be gone a moment later. `objection` returns
    why the Job of a node, looked at right before, is not to be made now; empty when it is.
    """

    namespace: str
    suffix: str
    steps: Mapping[str, Step]
    stamp: JobStamp
    marks: Callable[[Step], Changes]
    traces: Callable[[Step], Changes]
    failures: Callable[[Step], Changes]
    objection: Callable[[Step, Node], str]
    labels: Callable[[Step], Changes] = lambda _step: {}
    beginnings: Callable[[Step, Node], Changes] = lambda _step, _node: {}
