"""Properties as they cross the engine: models at the edge, because ints arrive as floats and None disappears."""

from collections.abc import Mapping
from typing import Any, Self

from pulumi.output import Unknown
from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class WireModel(BaseModel):
    """Base of the inputs and outputs of a dynamic resource; camelCase on the wire, what is not named is dropped."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, frozen=True, extra="ignore")

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Return the model of what the engine sent."""
        return cls.model_validate(dict(props))

    def props(self) -> dict[str, Any]:
        """Return a fresh dict for the engine; None is left out, as the wire has none."""
        return self.model_dump(by_alias=True, mode="json", exclude_none=True)


def has_unknowns(props: Mapping[str, Any]) -> bool:
    """Whether a preview does not know some property yet."""
    return any(isinstance(value, Unknown) for value in props.values())
