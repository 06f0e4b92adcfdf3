"""Resource quantities that the API server accepts, passed on as the user wrote them."""

import re
from decimal import Decimal
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, PlainValidator

from kata_components.settings.model import LabelKey, matching

_QUANTITY: Final = r"([0-9]+(\.[0-9]*)?|\.[0-9]+)([KMGTPE]i|[numkMGTPE]|[eE][+-]?[0-9]{1,2})?"
_WORDS: Final = "a quantity such as 250m or 320Mi"
_LONGEST: Final = 40
_HUGE: Final = 10**_LONGEST
_PARTS: Final = re.compile(r"([0-9.]+)(.*)")
_UNITS: Final = {
    "": Decimal(1),
    **{unit: Decimal(1000) ** power for unit, power in zip("num", (-3, -2, -1), strict=True)},
    **{unit: Decimal(1000) ** power for power, unit in enumerate("kMGTPE", start=1)},
    **{f"{unit}i": Decimal(1024) ** power for power, unit in enumerate("KMGTPE", start=1)},
}


def _number_as_text(value: object) -> object:
    """Return a number, such as `cpu: 1` in YAML, as text, unless it is too long to print."""
    is_number = (
        isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _HUGE
    )
    return str(value) if is_number else value


Quantity = Annotated[str, matching(_QUANTITY, _WORDS, _LONGEST), BeforeValidator(_number_as_text)]


def _amount(value: object) -> object:
    text = _number_as_text(value)
    if not isinstance(text, str) or len(text) > _LONGEST or not re.fullmatch(_QUANTITY, text):
        raise ValueError(f"must be {_WORDS}")
    return value


def _in_limits(resources: dict[str, dict[str, object]]) -> dict[str, dict[str, object]]:
    limits = resources.get("limits", {})
    for name, request in resources.get("requests", {}).items():
        if name in limits and _number(request) > _number(limits[name]):
            raise ValueError(
                f"must not request more {name} ({request}) than the limit ({limits[name]})"
            )
    return resources


def _number(amount: object) -> Decimal:
    number, unit = _PARTS.fullmatch(str(amount)).groups()  # type: ignore[union-attr]  # it matches, see `_amount`
    return Decimal(number) * (_UNITS[unit] if unit in _UNITS else Decimal(f"1{unit}"))


Amount = Annotated[object, PlainValidator(_amount, json_schema_input_type=str | int | float)]
"""A quantity as the user wrote it, a number or text."""

Resources = Annotated[
    dict[Literal["limits", "requests"], dict[LabelKey, Amount]], AfterValidator(_in_limits)
]
"""Requests and limits of a container as the user wrote them."""
