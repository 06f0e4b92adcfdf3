"""Affinity as in Kubernetes; only the fields the user wrote are passed on."""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from kata_components.settings.model import DnsName, LabelKey, LabelValue, Many, Model

AS_LABEL_SELECTOR = ("In", "NotIn", "Exists", "DoesNotExist")
"""The operators that a label selector can express."""


class Requirement(Model):
    """One condition on the labels of a node."""

    key: LabelKey
    operator: Literal["In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"]
    values: Many[LabelValue] = ()

    @model_validator(mode="after")
    def _values_fit(self) -> Self:
        if (self.operator in ("In", "NotIn", "Gt", "Lt")) != bool(self.values):
            raise ValueError(
                "In, NotIn, Gt and Lt need `values`; Exists and DoesNotExist have none"
            )
        if self.operator in ("Gt", "Lt") and not (
            len(self.values) == 1 and _is_integer(self.values[0])
        ):
            raise ValueError("Gt and Lt need one whole number in `values`")
        return self


def _is_integer(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


class FieldRequirement(Model):
    """One condition on the fields of a node; Kubernetes supports only its name."""

    key: Literal["metadata.name"]
    operator: Literal["In", "NotIn"]
    values: Annotated[Many[DnsName], Field(min_length=1, max_length=1)]


class NodeSelectorTerm(Model):
    """Conditions that must all hold."""

    match_expressions: Many[Requirement] = ()
    match_fields: Many[FieldRequirement] = ()


class NodeSelector(Model):
    """Terms, at least one of which must hold."""

    node_selector_terms: Many[NodeSelectorTerm] = ()


class Preference(Model):
    """A term that the scheduler prefers."""

    weight: Annotated[int, Field(ge=1, le=100)]
    preference: NodeSelectorTerm


class NodeAffinity(Model):
    """Which nodes: required and preferred."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    preferred_during_scheduling_ignored_during_execution: Many[Preference] = ()

    @property
    def required_terms(self) -> tuple[NodeSelectorTerm, ...]:
        """The required terms, at least one of which must hold; empty when nothing is required."""
        required = self.required_during_scheduling_ignored_during_execution
        return required.node_selector_terms if required else ()


class Affinity(Model):
    """Affinity of pods; pod affinity and anti-affinity are passed on unchecked."""

    node_affinity: NodeAffinity | None = None
    pod_affinity: dict[str, Any] | None = None
    pod_anti_affinity: dict[str, Any] | None = None

    @property
    def required_terms(self) -> tuple[NodeSelectorTerm, ...]:
        """The required terms of the node affinity."""
        return self.node_affinity.required_terms if self.node_affinity else ()
