"""Job mode: which nodes, and the limits of the per-node Jobs."""

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from kata_components.settings.affinity import NodeAffinity, NodeSelectorTerm
from kata_components.settings.images import Image
from kata_components.settings.model import (
    Count,
    DnsName,
    LabelKey,
    Labels,
    LabelValue,
    Many,
    Model,
    PositiveCount,
)
from kata_components.settings.pods import Toleration
from kata_components.settings.schedule import ScheduleOrEmpty


def _or(default: int) -> AfterValidator:
    """Return a validator that reads 0 as the default, as the chart's templates do."""
    return AfterValidator(lambda seconds: seconds or default)


class Expression(Model):
    """One condition on node labels, limited to what a label selector can express."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Many[LabelValue] = ()

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise ValueError("In and NotIn need `values`; Exists and DoesNotExist have none")
        return self


class Selection(Model):
    """Nodes by name or, without names, by labels: `node_selector` and all expressions must hold."""

    nodes: Many[DnsName] = ()
    node_selector: Labels = Field(default_factory=dict)
    node_selector_expressions: Many[Expression] = ()


class CleanupSelection(Selection):
    """Nodes to clean. From 4.1.0 on, `node_affinity` replaces the expressions."""

    node_affinity: NodeAffinity | None = None

    @property
    def required_terms(self) -> tuple[NodeSelectorTerm, ...]:
        """The required terms of the node affinity."""
        return self.node_affinity.required_terms if self.node_affinity else ()


class Reconcile(Model):
    """A CronJob that installs on nodes that join between two runs."""

    enabled: bool = False
    schedule: ScheduleOrEmpty = ""


class Job(Selection):
    """Settings of job mode. Times in seconds.

    At 4.0.0 the inherited selection says where to install; from 4.1.0 on, only its names do. Where
    a version lacks a key, the default here has no effect.
    """

    parallelism: PositiveCount
    backoff_limit: Count
    ttl_seconds_after_finished: Count
    active_deadline_seconds: Annotated[Count, _or(3600)] = 3600
    wait_for_nodes_seconds: Count = 0
    node_settle_seconds: Annotated[Count, _or(15)] = 15
    wait_node_ready_seconds: Annotated[Count, _or(300)] = 300
    dispatcher_image: Image
    reconcile: Reconcile = Reconcile()
    dispatcher_node_selector: Labels = Field(default_factory=dict)
    dispatcher_tolerations: Many[Toleration] = ()
    cleanup: CleanupSelection
