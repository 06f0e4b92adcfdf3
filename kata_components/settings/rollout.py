"""How a rollout in job mode advances: waves, failure budget, times."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field, PlainValidator, field_validator

from kata_components.settings.model import Count, Many, Model, PositiveCount
from kata_components.settings.wave_sizes import CANARY, Size, percent


def _is_count(value: object, least: int) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= least


def _wave(value: object) -> Size:
    if value == CANARY or _is_count(value, 1) or percent(value):
        return value  # type: ignore[return-value]  # one of the three shapes, see above
    raise ValueError(
        'must be "canary", a number of nodes from 1, or a percentage from "1%" to "100%"'
    )


def _budget(value: object) -> Size:
    if _is_count(value, 0) or percent(value) is not None:
        return value  # type: ignore[return-value]  # one of the two shapes, see above
    raise ValueError('must be a number of nodes from 0, or a percentage from "0%" to "100%"')


# For editors; the functions above check more and explain more.
_Percentage = Annotated[str, Field(pattern=r"^(\d{1,2}|100)%$")]
_WaveShape = Literal["canary"] | Annotated[int, Field(ge=1)] | _Percentage
_BudgetShape = Annotated[int, Field(ge=0)] | _Percentage


class Rollout(Model):
    """Pacing of a rollout; times in seconds."""

    runs_in: Literal["pulumi", "cluster"]
    waves: Many[Annotated[Size, PlainValidator(_wave, json_schema_input_type=_WaveShape)]]
    max_failures: Annotated[Size, PlainValidator(_budget, json_schema_input_type=_BudgetShape)]
    soak_seconds: Count
    node_timeout_seconds: PositiveCount
    not_ready: Literal["skip", "attempt"]
    existing: Literal["adopt", "install"] | None = None
    cleanup_deselected: bool
    report_dir: str | None = None
    approved_plan: str | None = None

    @field_validator("waves")
    @classmethod
    def _cumulative(cls, waves: tuple[Size, ...]) -> tuple[Size, ...]:
        """Refuse waves that shrink; numbers and percentages compare only on the cluster."""
        if CANARY in waves[1:]:
            raise ValueError('"canary" can only be the first wave')
        counts = [wave for wave in waves if isinstance(wave, int)]
        percents = [size for wave in waves if (size := percent(wave)) is not None]
        if any(
            later < earlier for sizes in (counts, percents) for earlier, later in pairwise(sizes)
        ):
            raise ValueError("the sizes are cumulative and must not shrink")
        return waves
