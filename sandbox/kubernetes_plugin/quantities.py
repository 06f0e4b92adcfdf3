"""Kubernetes quantities in their canonical form: the API server turns `0.1` into `100m`.

Pure. Inputs have to be in that form too, as with the official plugin, else every refresh shows a change, and applying
the same value again is a conflict. Source: the rules in `k8s.io/apimachinery/pkg/api/resource`. The notation with an
exponent (`1e3`) and fractions of a nano are left as they are.
"""

import re
from decimal import Decimal
from typing import Any, Final

HOLDERS: Final = frozenset({"divisor", "hard", "limits", "podFixed", "requests", "sizeLimit"})
"""Keys of built-in objects below which every value is a quantity."""

_QUANTITY: Final = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i)?")
_DECIMAL: Final = {suffix: Decimal(1000) ** power for power, suffix in enumerate(("n", "u", "m", "", *"kMGTPE"), -3)}
_BINARY: Final = {"": Decimal(1)} | {f"{letter}i": Decimal(1024) ** power for power, letter in enumerate("KMGTPE", 1)}


def canonical(value: Any) -> Any:  # noqa: ANN401 - any JSON value
    """Return a quantity as the API server writes it; anything else unchanged."""
    match = _QUANTITY.fullmatch(str(value))
    if isinstance(value, bool) or not match:
        return value
    suffix = match[2] or ""
    amount = Decimal(match[1]) * (_BINARY | _DECIMAL)[suffix]
    binary = suffix in _BINARY and suffix and abs(amount) >= _BINARY["Ki"]
    for unit, factor in reversed((_BINARY if binary else _DECIMAL).items()):
        if amount % factor == 0 and (amount or not unit):
            return f"{int(amount / factor)}{unit}"
    return value
