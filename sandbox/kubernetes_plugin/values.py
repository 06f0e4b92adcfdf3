"""Property values as Pulumi sends them, and as plain Python.

Owns: the conversion between `google.protobuf.Struct` and dicts, where secrets and values that are not known yet have
their own types, and carrying "secret" from inputs over to outputs. Assets and resource references do not occur in
Kubernetes objects; the plugin does not announce that it accepts references.
Source of the signatures: the protocol description in `pulumi/sdk/proto` ("special signatures").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from google.protobuf.struct_pb2 import (
    ListValue,
    NullValue,
    Struct,
    Value,
)

_SIGNATURE_KEY: Final = "4dabf18193072939515e22adb298388d"
_SECRET_SIGNATURE: Final = "1b47061264138c4ac30d75fd1eb44270"  # noqa: S105 - a fixed mark of the protocol
_UNKNOWN_SIGNATURES: Final = {
    "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",  # bool
    "3eeb2bf0-c639-47a8-9e75-3b44932eb421",  # number
    "04da6b54-80e4-46f7-96ec-b56ff0331ba9",  # string
    "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",  # array
    "030794c1-ac77-496b-92df-f27374a8bd58",  # asset
    "e48ece36-62e2-4504-bad9-02848725956a",  # archive
    "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",  # object
}
_UNKNOWN_ON_THE_WIRE: Final = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"

Properties = dict[str, Any]
"""A tree of dicts, lists, strings, numbers, booleans, `Secret` and `UNKNOWN`; never None."""


@dataclass(frozen=True)
class Secret:
    """A value that Pulumi encrypts in the state and hides on the screen."""

    value: Any


class Unknown:
    """The type of a value that is only known after an update."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


def from_struct(struct: Struct) -> Properties:
    """Return the properties in `struct`; None values are left out, whole numbers become ints."""
    return {key: value for key, wire in struct.fields.items() if (value := _from_value(wire)) is not None}


def _from_value(wire: Value) -> Any:  # noqa: ANN401 - any JSON value
    kind = wire.WhichOneof("kind")
    if kind == "struct_value":
        return _from_object(from_struct(wire.struct_value))
    if kind == "list_value":
        return [_from_value(item) for item in wire.list_value.values]
    if kind == "string_value":
        return UNKNOWN if wire.string_value in _UNKNOWN_SIGNATURES else wire.string_value
    if kind == "number_value":
        number = wire.number_value
        return int(number) if number.is_integer() else number
    return wire.bool_value if kind == "bool_value" else None


def _from_object(fields: Properties) -> Any:  # noqa: ANN401 - a secret wraps any JSON value
    return Secret(fields.get("value")) if fields.get(_SIGNATURE_KEY) == _SECRET_SIGNATURE else fields


def to_struct(properties: Mapping[str, Any]) -> Struct:
    """Return `properties` as they go over the wire; keys that are None are left out."""
    return Struct(fields={key: _to_value(value) for key, value in properties.items() if value is not None})


def _to_value(value: Any) -> Value:  # noqa: ANN401 - any JSON value
    fields: dict[str, Any]
    match value:
        case None:
            fields = {"null_value": NullValue.NULL_VALUE}
        case Unknown():
            fields = {"string_value": _UNKNOWN_ON_THE_WIRE}
        case Secret():
            fields = {"struct_value": to_struct({_SIGNATURE_KEY: _SECRET_SIGNATURE, "value": value.value})}
        case bool():
            fields = {"bool_value": value}
        case int() | float():
            fields = {"number_value": value}
        case str():
            fields = {"string_value": value}
        case list():
            fields = {"list_value": ListValue(values=[_to_value(item) for item in value])}
        case _:
            fields = {"struct_value": to_struct(value)}
    return Value(**fields)


def plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return `value` with all secrets in clear, as a new tree."""
    match value:
        case Secret():
            return plain(value.value)
        case dict():
            return {key: plain(item) for key, item in value.items()}
        case list():
            return [plain(item) for item in value]
        case _:
            return value


def contains(value: Any, kind: type) -> bool:  # noqa: ANN401 - any JSON value
    """Return whether a `kind` (`Secret` or `Unknown`) is anywhere in `value`."""
    match value:
        case _ if isinstance(value, kind):
            return True
        case Secret():
            return contains(value.value, kind)
        case dict():
            return any(contains(item, kind) for item in value.values())
        case list():
            return any(contains(item, kind) for item in value)
        case _:
            return False


def with_secrets_of(outputs: Properties, inputs: Properties) -> Properties:
    """Return `outputs` with everything secret that is secret in `inputs`, and the content of a Kubernetes Secret.

    Only dicts are entered on both sides; a list with a secret anywhere becomes secret as a whole, because its order may
    differ between the two.
    """
    if outputs.get("kind") == "Secret":
        hidden = {key: Secret(outputs[key]) for key in ("data", "stringData") if key in outputs}
        return outputs | hidden
    return {key: _as_secret_as(value, inputs.get(key)) for key, value in outputs.items()}


def _as_secret_as(output: Any, source: Any) -> Any:  # noqa: ANN401 - any JSON value
    if isinstance(output, dict) and isinstance(source, dict):
        return with_secrets_of(output, source)
    return Secret(output) if contains(source, Secret) else output
