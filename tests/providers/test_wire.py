"""Properties as they cross the engine."""

from kata_components.providers.wire import WireModel, has_unknowns
from tests.providers.inputs import UNKNOWN


class Pace(WireModel):
    node_count: int
    sizes: tuple[str | int, ...] = ()
    report_dir: str | None = None


def test_models_take_what_the_engine_makes_of_them_and_give_it_back() -> None:
    wire = {"nodeCount": 5.0, "sizes": ["canary", 10.0], "outcome": {"from": "an older version"}}
    assert Pace.of(wire) == Pace(node_count=5, sizes=("canary", 10))
    assert Pace.of(wire).props() == {"nodeCount": 5, "sizes": ["canary", 10]}


def test_unknown_values_of_a_preview_are_seen() -> None:
    assert has_unknowns({"a": 1, "b": UNKNOWN})
    assert not has_unknowns({"a": 1, "b": None})
