"""The geometry of the report's drawings, in units of their view boxes. Pure."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import Final, NamedTuple

from kata_components import wording
from kata_components.report.record import NodeRecord, Record
from kata_components.report.rows import Row

WIDTH: Final = 1000
LEFT: Final = 240
"""Where the time axis begins; the labels of the rows are to the left of it."""
RIGHT: Final = 950
_STEPS: Final = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400)
_MOST_TICKS: Final = 8
_POINTS: Final = 240
"""How many points a curve has."""
_BARS: Final = range(12, 61)
"""How many bars there may be: with more than nodes, most would be empty."""
_MINUTE: Final = 60.0
_ROW: Final = 16
_HEAD: Final = 26
"""The height of the line above the rows of a wave."""
_TOP: Final = 24
_TALLEST: Final = 600
"""How far down a row may begin in a drawing: two fit on a sheet of Letter, which is 1,320 high."""
_PANEL: Final = 110
_GAP: Final = 42
CURVES_HEIGHT: Final = _TOP + 3 * (_PANEL + _GAP)


@dataclass(frozen=True)
class Axis:
    """The time axis that all drawings share."""

    seconds: float
    """How long the rollout took."""

    def x(self, moment: float) -> float:
        """Return the place of a moment."""
        share = min(1.0, max(0.0, moment / self.seconds)) if self.seconds else 0.0
        return round(LEFT + share * (RIGHT - LEFT), 1)

    def width(self, begin: float, end: float) -> float:
        """Return the width of what takes that long: even the shortest can be seen."""
        return max(1.0, round(self.x(end) - self.x(begin), 1))

    @property
    def ticks(self) -> list[float]:
        """The moments that are named."""
        fitting = (float(step) for step in _STEPS if self.seconds / step <= _MOST_TICKS)
        step = next(fitting, self.seconds / _MOST_TICKS)
        return [number * step for number in range(int(self.seconds / step) + 1)]


@dataclass(frozen=True, kw_only=True)
class PlacedRow:
    """A row of the timeline, or the head of a wave."""

    y: float
    row: Row | None = None
    head: str = ""


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """The rows with their places."""

    rows: Sequence[PlacedRow]
    soaks: Sequence[tuple[float, float]]
    """Begin and end, in seconds, of the pauses between waves."""
    height: float
    bar: int = _ROW - 4
    """The height of a bar."""


class Bar(NamedTuple):
    """A bar of a panel."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A curve over time, with its own scale."""

    title: str
    top: float
    bottom: float
    most: float
    """The value at its upper edge."""
    area: str = ""
    """The points of a filled curve."""
    bars: Sequence[Bar] = ()
    limit: float | None = None
    """The height of the line that the values do not exceed."""
    limit_text: str = ""


def timelines(placed: Sequence[Row], soak_seconds: float) -> list[Timeline]:
    """Place the rows in drawings of at most half a printed page; heads show where there are waves.

    A drawing is not broken across pages, and each has a time axis of its own.
    """
    waves = [list(wave) for _, wave in groupby(placed, key=lambda row: row.wave)]
    soaks = _soaks(waves) if soak_seconds else []
    drawings: list[list[PlacedRow]] = [[]]
    y = float(_TOP)
    for wave in waves:
        for number, row in enumerate(wave):
            head = _head(wave) if number == 0 and len(waves) > 1 else ""
            if y + (_HEAD if head else 0) > _TALLEST:
                drawings.append([])
                y = float(_TOP)
            if head:
                drawings[-1].append(PlacedRow(y=y + _HEAD - 10, head=head))
                y += _HEAD
            drawings[-1].append(PlacedRow(y=y, row=row))
            y += _ROW
    return [
        Timeline(rows=rows, soaks=soaks, height=rows[-1].y + _ROW + 8) for rows in drawings if rows
    ]


def _head(wave: Sequence[Row]) -> str:
    return f"wave {wave[0].wave}: {wording.nodes(sum(len(row.nodes) for row in wave))}"


def _soaks(waves: Sequence[Sequence[Row]]) -> list[tuple[float, float]]:
    found = []
    for before, after in pairwise(waves):
        end = max((row.end for row in before if row.end is not None), default=None)
        begin = min((row.begin for row in after if row.begin is not None), default=None)
        if end is not None and begin is not None and begin > end:
            found.append((end, begin))
    return found


def curves(record: Record, axis: Axis) -> list[Panel]:
    """Return the nodes done, the rate of that, and the Jobs in flight, over time."""
    done = sorted(n.ended for n in record.nodes if n.result == "done" and n.ended is not None)
    return [
        _finished(done, record.planned, axis),
        _rate(done, axis),
        _in_flight(record.nodes, record.parallelism, axis),
    ]


def in_flight(nodes: Sequence[NodeRecord]) -> tuple[list[float], list[float]]:
    """Return when slots were taken and when they were given back, sorted."""
    held = [
        (node.started, node.ended if node.job_ended is None else node.job_ended)
        for node in nodes
        if node.started is not None
    ]
    return sorted(began for began, _ in held), sorted(end for _, end in held if end is not None)


def peak(nodes: Sequence[NodeRecord]) -> int:
    """Return how many slots were held at once at most."""
    taken, given = in_flight(nodes)
    return max((_held(taken, given, moment) for moment in taken), default=0)


def _held(taken: Sequence[float], given: Sequence[float], moment: float) -> int:
    return bisect_right(taken, moment) - bisect_right(given, moment)


def _finished(done: Sequence[float], planned: int, axis: Axis) -> Panel:
    values = [float(bisect_right(done, moment)) for moment in _moments(axis)]
    return _panel(0, "nodes done", values, axis, limit=planned, limit_text=f"planned: {planned}")


def _in_flight(nodes: Sequence[NodeRecord], parallelism: int, axis: Axis) -> Panel:
    taken, given = in_flight(nodes)
    values = [float(_held(taken, given, moment)) for moment in _moments(axis)]
    text = f"job.parallelism: {parallelism}"
    return _panel(2, "Jobs at once", values, axis, limit=parallelism, limit_text=text)


def _rate(done: Sequence[float], axis: Axis) -> Panel:
    count = min(max(len(done), _BARS.start), _BARS.stop - 1)
    step, width = axis.seconds / count, (RIGHT - LEFT) / count
    until = [bisect_right(done, number * step) for number in range(count + 1)]
    per_minute = _MINUTE / step if step else 0.0
    rates = [(after - before) * per_minute for before, after in pairwise(until)]
    top, bottom, most = _edges(1, max(rates))
    bars = [
        Bar(
            x=round(LEFT + number * width, 1),
            y=round(bottom - _height(rate, most), 1),
            width=round(width - 1, 1),
            height=round(_height(rate, most), 1),
        )
        for number, rate in enumerate(rates)
        if rate
    ]
    return Panel(title="nodes done per minute", top=top, bottom=bottom, most=most, bars=bars)


def _panel(
    number: int, title: str, values: Sequence[float], axis: Axis, *, limit: int, limit_text: str
) -> Panel:
    top, bottom, most = _edges(number, max(*values, limit))
    places = [
        f"{axis.x(moment)},{round(bottom - _height(value, most), 1)}"
        for moment, value in zip(_moments(axis), values, strict=True)
    ]
    return Panel(
        title=title,
        top=top,
        bottom=bottom,
        most=most,
        area=" ".join([f"{LEFT},{bottom}", *places, f"{RIGHT},{bottom}"]),
        limit=round(bottom - _height(limit, most), 1) if limit else None,
        limit_text=limit_text,
    )


def _moments(axis: Axis) -> list[float]:
    return [axis.seconds * number / _POINTS for number in range(_POINTS + 1)]


def _edges(number: int, most: float) -> tuple[float, float, float]:
    top = _TOP + number * (_PANEL + _GAP) + 14
    return top, top + _PANEL, most or 1.0


def _height(value: float, most: float) -> float:
    return value / most * _PANEL
