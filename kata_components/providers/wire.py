"""Properties as they cross the engine: records at the edge, because ints arrive as floats and None disappears."""

from collections.abc import Mapping
from typing import Any, Self

import msgspec
from pulumi.output import Unknown


# Not of pydantic, which takes longer to import: the engine waits for this process in every preview.
class WireModel(msgspec.Struct, rename="camel", frozen=True, kw_only=True, dict=True):
    """Base of the inputs and outputs of a dynamic resource; camelCase on the wire, what is not named is dropped.

    `frozen` and `kw_only` have to be said by each subclass again.
    """

    @classmethod
    def of(cls, props: Mapping[str, Any]) -> Self:
        """Return the record of what the engine sent."""
        return msgspec.convert(dict(props), cls, strict=False)

    def props(self) -> dict[str, Any]:
        """Return a fresh dict for the engine, of JSON's types.

        None is left out, as the wire has none.
        """
        plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(self))
        return {key: value for key, value in plain.items() if value is not None}


def has_unknowns(props: Mapping[str, Any]) -> bool:
    """Whether a preview does not know some property yet."""
    return any(isinstance(value, Unknown) for value in props.values())


def own(props: dict[str, Any]) -> dict[str, Any]:
    """Return the properties without the one by which the engine finds the provider again."""
    return {key: value for key, value in props.items() if key != "__provider"}
