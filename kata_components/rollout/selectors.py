"""Label selectors, evaluated on the labels of one node as the API server does it. Pure.

Lists are selected by the API server; this is for a node that was read alone. It knows what
selections are made of: equality, In, NotIn, Exists and DoesNotExist.
"""

import re
from collections.abc import Mapping
from typing import Final

_COMMA: Final = re.compile(r",(?![^(]*\))")
"""Between requirements; those in parentheses are between values."""
_SET: Final = re.compile(r"(\S+)\s+(in|notin)\s+\((.*)\)")
_EQUALITY: Final = re.compile(r"([^\s=!]+)\s*(!?=)=?\s*(\S*)")


def matches(selector: str, labels: Mapping[str, str]) -> bool:
    """Return whether labels fit a selector; the empty one fits all."""
    return all(_fits(part.strip(), labels) for part in _COMMA.split(selector) if part.strip())


def _fits(requirement: str, labels: Mapping[str, str]) -> bool:
    if found := _SET.fullmatch(requirement):
        key, operator, values = found.groups()
        return (labels.get(key) in {value.strip() for value in values.split(",")}) is (
            operator == "in"
        )
    if found := _EQUALITY.fullmatch(requirement):
        key, operator, value = found.groups()
        return (labels.get(key) == value) is (operator == "=")
    return (
        requirement.removeprefix("!").strip() in labels
        if requirement[0] != "!"
        else requirement[1:] not in labels
    )
