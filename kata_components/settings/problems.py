"""Problems of a configuration, a line each: path, value, what is allowed, close matches."""

import re
import reprlib
from collections.abc import Iterable, Iterator
from difflib import get_close_matches
from typing import NamedTuple

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from kata_components.settings.images import PullSecret
from kata_components.settings.job import Expression
from kata_components.settings.merge import Path, Tree, at
from kata_components.settings.model import IN_TEXT
from kata_components.settings.pods import Toleration
from kata_components.settings.profile import SUPPORTED_VERSIONS

_SHORT = reprlib.Repr()
_SHORT.maxlevel, _SHORT.maxstring, _SHORT.maxother = 3, 60, 60
_LONGEST_KEY = 100
_FEW = 12
_LIST_ITEMS: tuple[type[BaseModel], ...] = (Expression, Toleration, PullSecret)
_ITEM_KEYS = sorted(
    {field.alias or name for model in _LIST_ITEMS for name, field in model.model_fields.items()}
)

_AS_TEXT = {"int_type": re.compile(r"-?[0-9]{1,20}"), "bool_type": re.compile("(?i)true|false")}
"""What these values look like when quotes make them text."""

_MESSAGES = {
    "model_type": "must be a map",
    "dict_type": "must be a map",
    "tuple_type": "must be a list",
    "invalid_key": "must be text: it is a key",
}
_HOW_TO_SET = {
    "kataVersion": f"run `pulumi config set kataVersion {SUPPORTED_VERSIONS[-1]}`",
}


class Problem(NamedTuple):
    """What is wrong in a configuration, and where."""

    path: Path
    text: str

    def __str__(self) -> str:
        """Return the line that the user sees."""
        return f"{dotted(self.path)}: {self.text}"


def dotted(path: Iterable[object]) -> str:
    """Return a path as `pulumi config set --path` takes it; unusual keys in a bounded form."""
    words = [str(part) for part in path]
    return "".join(
        f"[{word}]"
        if word.isdecimal()
        else f".{word if word.isprintable() and len(word) <= _LONGEST_KEY else shown(word)}"
        for word in words
    ).removeprefix(".")


def shown(value: object) -> str:
    """Return a value in a bounded form."""
    try:
        return _SHORT.repr(value)
    except ValueError:  # Python refuses to print more than 4,300 digits
        return "a very long number"


def closest(word: object, allowed: Iterable[str]) -> str:
    """Return `; did you mean …?` for the close matches of a word, if any."""
    if not isinstance(word, str) or len(word) > _LONGEST_KEY:
        return ""
    found = get_close_matches(word, list(allowed), n=3, cutoff=0.6)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def validation_problems(error: ValidationError, defaults: Tree, version: str) -> Iterator[Problem]:
    """Yield each problem that a model has found."""
    for detail in error.errors(include_url=False, include_context=True):
        path = tuple(str(part) for part in detail["loc"] if part != "[key]")
        yield Problem(path, _text(detail, path, defaults, version))


def _text(detail: ErrorDetails, path: Path, defaults: Tree, version: str) -> str:
    kind, key = detail["type"], dotted(path)
    if kind == "extra_forbidden":
        siblings = at(defaults, path[:-1])
        allowed = sorted(siblings if isinstance(siblings, dict) else _ITEM_KEYS)
        listed = f"; allowed: {', '.join(allowed)}" if len(allowed) <= _FEW else ""
        return f"no such key at {version}{closest(path[-1], allowed) or listed}"
    if kind == "missing":
        removed = "; it cannot be removed with null" if at(defaults, path) is not None else ""
        return f"is required{f'; {_HOW_TO_SET[key]}' if key in _HOW_TO_SET else removed}"
    if kind == "tuple_type" and isinstance(detail["input"], str):
        return f"{refused(detail)}; set it item by item, the first as {key}[0]"
    return refused(detail)


def refused(detail: ErrorDetails) -> str:
    """Return what a value must be and, unless it is itself a document, what it is."""
    kind, value = detail["type"], detail["input"]
    message = _MESSAGES.get(kind) or detail["msg"].removeprefix("Value error, ").replace(
        "Input should be", "must be"
    )
    if kind == IN_TEXT:
        return message
    choices = re.findall(r"'([^']+)'", str(detail.get("ctx", {}).get("expected", "")))
    must = message.replace("String should", "must")
    return f"{must}, got {shown(value)}{closest(value, choices)}{_written(kind, value)}"


def _written(kind: str, value: object) -> str:
    """Return how to write a value whose type is not what it looks like, if that is the problem."""
    if isinstance(value, str):
        looks = _AS_TEXT.get(kind)
        return "; write it without quotes" if looks and looks.fullmatch(value) else ""
    return (
        "; write it in quotes" if kind == "string_type" and isinstance(value, int | float) else ""
    )
