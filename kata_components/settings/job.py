"""Job mode: which nodes, and the limits of the per-node Jobs."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from kata_components.settings.images import Image
from kata_components.settings.model import DnsName, LabelKey, Labels, LabelValue, Many, Model


class Expression(Model):
    """One condition on node labels, limited to what a label selector can say."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist"]
    values: Many[LabelValue] = ()

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        if (self.operator in ("In", "NotIn")) != bool(self.values):
            raise ValueError("In and NotIn need `values`; Exists and DoesNotExist have none")
        return self


class Selection(Model):
    """Nodes by name or, when there are no names, by labels: all of `node_selector` and all expressions hold."""

    nodes: Many[DnsName]
    node_selector: Labels
    node_selector_expressions: Many[Expression]


class Job(Selection):
    """Settings of job mode; the inherited selection says where to install. Times in seconds."""

    parallelism: Annotated[int, Field(ge=1)]
    backoff_limit: Annotated[int, Field(ge=0)]
    ttl_seconds_after_finished: Annotated[int, Field(ge=0)]
    dispatcher_image: Image
    cleanup: Selection
