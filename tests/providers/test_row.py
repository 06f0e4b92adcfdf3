"""What the row of a resource shows while a run works."""

import pytest

from kata_components.providers import engine
from kata_components.providers.row import Row
from kata_components.rollout.jobs import Stage
from kata_components.rollout.phase import Progress


@pytest.mark.parametrize(("stage", "verb"), [("install", "installed"), ("cleanup", "cleaned")])
def test_status_says_what_is_done_to_the_nodes(stage: Stage, verb: str, monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(engine, "status", lambda text, urn: shown.append((text, urn)))
    progress = Progress(total=5, done=2, running=1, finishing=0, failed=0, departed=0)
    Row("urn:rollout").on_progress(stage, progress, 60.0)
    ((text, urn),) = shown
    assert text.startswith(f"2/5 {verb}, 1 running")
    assert urn == "urn:rollout"
