"""The base of all settings models and the value types they share.

Models hold no defaults of the chart: those are data per version (`profile.py`), merged in before validation. A default
in a model means "may be removed with null".
"""

import re
from typing import Annotated, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Strict
from pydantic.alias_generators import to_camel

_NAME = r"[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?"
_DNS_LABEL = r"[a-z0-9]([-a-z0-9]*[a-z0-9])?"


class Model(BaseModel):
    """Immutable, camelCase outside, no unknown keys, no conversion between types."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", alias_generator=to_camel)


def matching(pattern: str, words: str, longest: int = 253) -> AfterValidator:
    """Return a check that a text matches a pattern as a whole; `words` say so to a person."""
    compiled = re.compile(pattern)

    def check(text: str) -> str:
        if len(text) > longest or not compiled.fullmatch(text):
            raise ValueError(f"must be {words}")
        return text

    return AfterValidator(check)


def _as_text(value: object) -> object:
    """Return a label value as text: `pulumi config set --path` stores `true` and `5` as boolean and number."""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value) if isinstance(value, int) and abs(value) < _HUGE else value


_HUGE = 10**63

_Item = TypeVar("_Item")
Many = Annotated[tuple[_Item, ...], Strict(strict=False)]
"""A list in the configuration, a tuple here; its items stay strict."""

LabelKey = Annotated[
    str, matching(rf"([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?{_NAME}", "a label key such as example.com/pool", 317)
]
LabelValue = Annotated[
    str, matching(rf"({_NAME})?", "a label value: at most 63 letters, digits, - _ .", 63), BeforeValidator(_as_text)
]
Labels = dict[LabelKey, LabelValue]
Annotations = dict[LabelKey, Annotated[str, BeforeValidator(_as_text)]]

DnsLabel = Annotated[str, matching(_DNS_LABEL, "at most 63 lower-case letters, digits and hyphens", 63)]
DnsName = Annotated[
    str, matching(rf"{_DNS_LABEL}(\.{_DNS_LABEL})*", "a name of lower-case letters, digits, hyphens and dots")
]
SocketOrEmpty = Annotated[
    str, matching(r"(\S*/\S+)?", "a socket such as unix:///run/containerd/containerd.sock, or empty", 4096)
]
AbsolutePathOrEmpty = Annotated[str, matching(r"(/\S*)?", "an absolute path or empty", 4096)]
