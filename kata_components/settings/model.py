"""The base of all settings models and the value types they share.

Models do not hold the chart's defaults: those are data per version (`profile.py`), merged in before
validation. A default in a model means that null may remove the key.
"""

import re
from dataclasses import dataclass
from typing import Annotated, TypeVar

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Strict,
)
from pydantic.alias_generators import to_camel
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_NAME = rf"{_DNS_LABEL}(\.{_DNS_LABEL})*"
LABEL_KEY = rf"((?=[^/]{{1,253}}/){_DNS_NAME}/)?{_NAME}"
"""What the key of a label, an annotation or a taint looks like."""


class Model(BaseModel):
    """Immutable, camelCase outside, without unknown keys or conversion between types."""

    model_config = ConfigDict(
        frozen=True, strict=True, extra="forbid", alias_generator=to_camel, defer_build=True
    )


IN_TEXT = "in_text"
"""The type of errors in a text that is itself a document: the message says where in it, and does
not show the text."""


def is_dns_name(text: str, longest: int) -> bool:
    """Whether a text can be the name of an object."""
    return len(text) <= longest and re.fullmatch(_DNS_NAME, text) is not None


def _is_text(value: object) -> object:
    if isinstance(value, dict | list):
        raise problem_in_text("must be text: write it in a block after `|`")
    return value


IN_BLOCK = BeforeValidator(_is_text)
"""For texts that are themselves documents: without the `|`, YAML would parse them as part of the
configuration."""


def problem_in_text(message: str) -> PydanticCustomError:
    """Return an error of the type `IN_TEXT`."""
    return PydanticCustomError(IN_TEXT, "{message}", {"message": message})


@dataclass(frozen=True)
class matching:  # noqa: N801 - written in annotations, where it reads like pydantic's own
    """A check that a whole text matches a pattern: `words` for people, the pattern for editors."""

    pattern: str
    words: str
    longest: int = 253

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^({self.pattern})$", "maxLength": self.longest}

    def _check(self, text: str) -> str:
        if len(text) > self.longest or not re.fullmatch(self.pattern, text):
            raise ValueError(f"must be {self.words}")
        return text


def as_text(value: object) -> object:
    """Return a boolean or an integer as text: `pulumi config set --path` stores text as these."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) and abs(value) < _HUGE else value


_HUGE = 10**63

_Item = TypeVar("_Item")
Many = Annotated[tuple[_Item, ...], Strict(strict=False)]
"""A list in the configuration, a tuple here; its items remain strict."""

LabelKey = Annotated[str, matching(LABEL_KEY, "a label key such as example.com/pool", 317)]
LabelText = Annotated[
    str, matching(rf"({_NAME})?", "a label value: at most 63 letters, digits, - _ .", 63)
]
LabelValue = Annotated[
    LabelText, BeforeValidator(as_text, json_schema_input_type=LabelText | int | bool)
]
Labels = dict[LabelKey, LabelValue]
Annotations = dict[
    LabelKey, Annotated[str, BeforeValidator(as_text, json_schema_input_type=str | int | bool)]
]

_LONGEST_INT = 2**31 - 1
Count = Annotated[int, Field(ge=0, le=_LONGEST_INT)]
PositiveCount = Annotated[int, Field(ge=1, le=_LONGEST_INT)]
"""Integers as in Kubernetes objects: 32 bits."""

DnsLabel = Annotated[
    str, matching(_DNS_LABEL, "at most 63 lower-case letters, digits and hyphens", 63)
]
_NAME_WORDS = "a name of lower-case letters, digits, hyphens and dots"
DnsName = Annotated[str, matching(_DNS_NAME, _NAME_WORDS)]
DnsNameOrEmpty = Annotated[str, matching(rf"({_DNS_NAME})?", f"{_NAME_WORDS}, or empty")]
SocketOrEmpty = Annotated[
    str,
    matching(
        r"(\S*/\S+)?", "a socket such as unix:///run/containerd/containerd.sock, or empty", 4096
    ),
]
# Kubernetes mounts no path that contains `..` or a colon.
AbsolutePathOrEmpty = Annotated[
    str,
    matching(
        r"(?!(.*/)?\.\.(/|$))(/[^\s:]*)?",
        "an absolute path without `..` and colons, or empty",
        4096,
    ),
]
Word = Annotated[str, matching(r"[^\s:;,=]+", "text without spaces and the characters : ; , =")]
WordOrEmpty = Annotated[
    str, matching(r"[^\s:;,=]*", "empty, or text without spaces and the characters : ; , =")
]
"""An item of a list for the node program, which separates items by these characters."""
