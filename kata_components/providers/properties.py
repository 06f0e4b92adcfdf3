"""Resource properties as records: the engine turns ints into floats and drops None."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec
from pulumi.output import Unknown


# Not pydantic, which takes longer to import: every preview waits for this process to start.
class PropertyModel(msgspec.Struct, rename="camel", frozen=True, kw_only=True, dict=True):
    """Base of a dynamic resource's inputs and outputs; camelCase in the state.

    Unknown keys are dropped. Subclasses must repeat `frozen` and `kw_only`.
    """

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Return the record for properties that the engine sent."""
        return msgspec.convert(dict(props), cls, strict=False)

    def props(self) -> dict[str, Any]:
        """Return a new dict of JSON types for the engine; None is left out, as the engine does."""
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return {key: value for key, value in plain.items() if value is not None}


def unknowns(props: Mapping[str, Any]) -> dict[str, Any]:
    """Return the properties that a preview does not know yet."""
    return {key: value for key, value in props.items() if isinstance(value, Unknown)}


def without_provider(props: dict[str, Any]) -> dict[str, Any]:
    """Return the properties without the SDK's own, which holds the pickled provider."""
    return {key: value for key, value in props.items() if key != "__provider"}
