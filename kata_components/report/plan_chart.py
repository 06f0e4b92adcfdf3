"""The drawing of a plan's waves: how many nodes each adds, in units of its view box. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from kata_components import wording
from kata_components.report.charts import LEFT, RIGHT
from kata_components.report.plan_rows import Wave

BAR: Final = 14
_ROW: Final = 20


@dataclass(frozen=True, kw_only=True)
class Step:
    """A wave, as a bar behind what the waves before it have reached."""

    label: str
    y: int
    x: float
    width: float


def steps(waves: Sequence[Wave]) -> list[Step]:
    """Place the waves; together they are as wide as the drawing."""
    total = sum(len(wave.nodes) for wave in waves)
    scale = (RIGHT - LEFT) / max(1, total)
    return [
        Step(
            label=f"{wave.title}: {wording.nodes(len(wave.nodes))}",
            y=row * _ROW,
            x=round(LEFT + wave.begin * scale, 1),
            width=max(1.0, round(len(wave.nodes) * scale, 1)),
        )
        for row, wave in enumerate(waves)
    ]


def height(waves: Sequence[Wave]) -> int:
    """Return the height of the drawing."""
    return len(waves) * _ROW
