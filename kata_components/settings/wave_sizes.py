"""Sizes of waves and failure budgets, for the settings and for planning.

Without pydantic, which would slow down the start of the providers.
"""

import re
from typing import Final

CANARY: Final = "canary"
"""The size of a wave with one node of each kind."""

Size = str | int
"""`canary`, a number of nodes, or a percentage of them such as `10%`."""

_PERCENT: Final = re.compile(r"(\d{1,3})%")
_WHOLE: Final = 100


def percent(size: object) -> int | None:
    """Return the number in a text such as `10%`; None for anything else or above 100%."""
    match = _PERCENT.fullmatch(size) if isinstance(size, str) and size.isascii() else None
    return int(match[1]) if match and int(match[1]) <= _WHOLE else None
