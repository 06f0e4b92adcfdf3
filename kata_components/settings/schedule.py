"""When a CronJob starts: what Kubernetes would refuse at apply is refused at preview."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator

_FIELDS: Final[tuple[tuple[int, int, list[str]], ...]] = (
    (0, 59, []),
    (0, 23, []),
    (1, 31, []),
    (1, 12, ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]),
    (0, 6, ["sun", "mon", "tue", "wed", "thu", "fri", "sat"]),
)
"""Minute, hour, day, month and weekday: the least, the greatest, and names from the least on."""

_SHORT: Final = re.compile(
    r"@(yearly|annually|monthly|weekly|daily|midnight|hourly|every ([0-9]+(\.[0-9]+)?(ms|s|m|h))+)"
)


def _is_schedule(text: str) -> str:
    fields = text.lower().split()
    fit = len(fields) == len(_FIELDS) and all(
        _is_span(part, *limits)
        for field, limits in zip(fields, _FIELDS, strict=True)
        for part in field.split(",")
    )
    if text and not fit and not _SHORT.fullmatch(text):
        raise ValueError("must be a schedule such as */15 * * * * or @hourly")
    return text


def _is_span(part: str, least: int, greatest: int, names: list[str]) -> bool:
    """Whether it is `*`, a value or a range within the limits, maybe in steps."""
    span, slash, step = part.partition("/")
    ends = [_number(end, least, names) for end in span.split("-", 1)]
    within = span in ("*", "?") or least <= ends[0] <= ends[-1] <= greatest
    return within and (not slash or _number(step, 0, []) > 0)


def _number(text: str, least: int, names: list[str]) -> int:
    """Return a number or the number of a name; -1 if it is neither."""
    if text in names:
        return least + names.index(text)
    return int(text) if re.fullmatch("[0-9]{1,4}", text) else -1


ScheduleOrEmpty = Annotated[str, AfterValidator(_is_schedule)]
