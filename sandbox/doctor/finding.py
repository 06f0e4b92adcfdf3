"""One line of the doctor."""

from enum import StrEnum
from typing import NamedTuple


class Mark(StrEnum):
    """What a finding means for `make up`."""

    OK = "ok"
    GET = "get"
    """It is missing, and `make up` gets it."""
    NOTE = "note"
    """It may surprise."""
    FIX = "fix"
    """`make up` would fail."""


class Finding(NamedTuple):
    """What was found about one thing."""

    mark: Mark
    subject: str
    text: str
    """The fact, and what to do."""
