"""rollout.html: a rollout as one page that needs no network and no scripts. Pure.

Its size does not grow with the fleet: beyond some nodes, rows stand for several, and lists end with
how many more rollout.json has.
"""

from collections.abc import Sequence
from typing import Final

from kata_components import wording
from kata_components.foreign import bounded
from kata_components.report import charts, templates
from kata_components.report.reasons import reasons
from kata_components.report.record import NodeRecord, Record, quantile
from kata_components.report.rows import rows

_SLOWEST: Final = 10
_LABEL: Final = 34
"""How many characters of a row's label the drawing has room for."""


def page(record: Record) -> str:
    """Return the HTML."""
    axis = charts.Axis(record.seconds)
    placed = rows(record.nodes)
    failures = [node for node in record.nodes if node.result == "failed"]
    return templates.rendered(
        "rollout.html",
        record=record,
        headline=headline(record),
        figures=_figures(record),
        axis=axis,
        rows=placed,
        grouped=any(len(row.nodes) > 1 and row.begin is not None for row in placed),
        timed=any(row.begin is not None for row in placed),
        timelines=charts.timelines(placed, record.soak_seconds),
        panels=charts.curves(record, axis),
        chart=charts,
        slowest=_slowest(record.nodes),
        failures=failures[: wording.SHOWN_NODES],
        more_failures=len(failures[wording.SHOWN_NODES :]),
        skipped=reasons(
            (node.node, node.text or node.reason)
            for node in record.nodes
            if node.result == "skipped"
        ),
        seconds=_seconds,
        short=_short,
        tick=_tick,
    )


def headline(record: Record) -> str:
    """Return the outcome, plan against done, in one line."""
    if not record.planned:
        return "Nothing was planned"
    parts = [f"{record.done} of {wording.nodes(record.planned)} done"]
    parts += [f"{record.failed} failed"] if record.failed else []
    parts += [f"{record.working} interrupted"] if record.working else []
    waiting = record.remaining - record.working
    parts += [f"{waiting} not started"] if waiting else []
    return ", ".join(parts)


def _figures(record: Record) -> dict[str, str]:
    """Return the numbers above the drawings, by what they are."""
    jobs = [node.job_seconds for node in record.nodes if node.job_seconds is not None]
    figures = {
        "took": wording.duration(record.seconds),
        "began": f"{record.started_at:%Y-%m-%d %H:%M:%S} UTC" if record.started_at else "",
        "Kata": record.kata_version,
        "digest": record.digest,
        "selected": wording.nodes(record.selected),
        "up to date before": str(record.up_to_date),
        "skipped": str(record.skipped),
    }
    if jobs:
        figures |= {
            "Job, median": wording.duration(quantile(jobs, 50)),
            "Job, 95 % within": wording.duration(quantile(jobs, 95)),
            "most Jobs at once": f"{charts.peak(record.nodes)} of {record.parallelism}",
        }
    return {name: value for name, value in figures.items() if value}


def _slowest(nodes: Sequence[NodeRecord]) -> list[NodeRecord]:
    timed = [node for node in nodes if node.seconds is not None and node.result != "working"]
    return sorted(timed, key=lambda node: -(node.seconds or 0.0))[:_SLOWEST]


def _seconds(value: float | None) -> str:
    return "-" if value is None else wording.duration(value)


def _tick(moment: float) -> str:
    """Return a duration without the zeros that round ones end with."""
    return wording.duration(moment).replace("m00s", "m").replace("h00m", "h")


def _short(label: str) -> str:
    label = bounded(label)
    return label if len(label) <= _LABEL else f"{label[: _LABEL - 1]}…"
