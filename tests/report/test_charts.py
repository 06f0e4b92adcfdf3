"""The numbers behind the drawings."""

import pytest

from kata_components.report.charts import Axis, curves, peak, timelines
from kata_components.report.record import NodeRecord, quantile
from kata_components.report.rows import rows
from tests.report.builders import fleet, rollout


@pytest.mark.parametrize("parallelism", [1, 7, 30])
def test_the_most_jobs_at_once_are_as_many_as_may_be(parallelism: int) -> None:
    assert peak(fleet(100, parallelism=parallelism)) == parallelism


def test_soaks_lie_between_waves_and_are_as_long_as_configured() -> None:
    soaks = timelines(rows(fleet(30, soak=120)), 120)[0].soaks
    assert [end - begin for begin, end in soaks] == pytest.approx([120, 120], abs=0.1)
    assert timelines(rows(fleet(30)), 0)[0].soaks == []


@pytest.mark.parametrize("size", [24, 3000])
def test_every_planned_node_is_in_one_row_of_its_wave(size: int) -> None:
    nodes = fleet(size)
    made = rows(nodes)
    assert sorted(node.node for row in made for node in row.nodes) == [n.node for n in nodes]
    assert all(node.wave + 1 == row.wave for row in made for node in row.nodes)


def test_bars_add_up_to_the_nodes_that_are_done() -> None:
    record = rollout(fleet(60, failing=5))
    axis = Axis(record.seconds)
    panel = curves(record, axis)[1]
    minutes = record.seconds / 60 / 55
    height = panel.bottom - panel.top
    done = sum(bar.height / height * panel.most * minutes for bar in panel.bars)
    assert done == pytest.approx(55, rel=0.02)


def test_a_node_that_only_took_a_write_has_one_span() -> None:
    node = NodeRecord(node="a", action="adopt", reason="", result="done", started=1.0, ended=2.0)
    [row] = rows([node])
    assert [span.stage for span in row.spans] == ["behind"]


@pytest.mark.parametrize(("percent", "value"), [(1, 1.0), (50, 2.0), (51, 3.0), (100, 4.0)])
def test_a_quantile_is_one_of_the_values(percent: int, value: float) -> None:
    assert quantile([4.0, 2.0, 1.0, 3.0], percent) == value


@pytest.mark.parametrize("size", [1, 24, 60, 200])
def test_drawings_fit_on_a_page_and_a_wave_begins_with_its_head_beside_its_first_row(
    size: int,
) -> None:
    placed = rows(fleet(size))
    drawings = timelines(placed, 0)
    assert [row.row for made in drawings for row in made.rows if row.row] == placed
    assert all(made.height <= 660 for made in drawings)
    for made in drawings:
        places = [row.y for row in made.rows]
        assert places == sorted(places)
        assert made.rows[-1].row, "the last line of a drawing is no head"
