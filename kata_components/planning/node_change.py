"""What is written on a node in one PATCH. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Self

from kata_components.kubernetes.objects import Metadata

Changes = Mapping[str, str | None]
"""Annotations or labels of a node to set; None removes one."""


@dataclass(frozen=True, kw_only=True)
class NodeChange:
    """Annotations and labels that are written together."""

    annotations: Changes = field(default_factory=dict)
    labels: Changes = field(default_factory=dict)

    def followed_by(self, other: Self) -> Self:
        """Return what both write, one after the other."""
        return type(self)(
            annotations={**self.annotations, **other.annotations},
            labels={**self.labels, **other.labels},
        )

    def still_in(self, seen: Metadata) -> Self:
        """Return the part of it that nobody has changed since it was written."""
        return type(self)(
            annotations={k: v for k, v in self.annotations.items() if seen.annotation(k) == v},
            labels={k: v for k, v in self.labels.items() if seen.label(k) == v},
        )

    def reverted(self, before: Metadata) -> Self:
        """Return the change that brings back what was there `before` this one."""
        return type(self)(
            annotations={key: before.annotation(key) for key in self.annotations},
            labels={key: before.label(key) for key in self.labels},
        )
