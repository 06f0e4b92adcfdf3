"""What a resource shows during a run."""

from dataclasses import replace

import pytest

from kata_components.pacing.progress import Progress
from kata_components.planning.node_jobs import JobKind
from kata_components.providers import engine
from kata_components.providers.resource_log import ResourceLog


@pytest.mark.parametrize(("stage", "verb"), [("install", "installed"), ("cleanup", "cleaned")])
def test_status_says_what_is_done_to_the_nodes(
    stage: JobKind, verb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, str]] = []
    monkeypatch.setattr(engine, "status", lambda text, urn: shown.append((text, urn)))
    progress = Progress(total=5, done=2, running=1, finishing=0, failed=0, departed=0)
    ResourceLog("urn:rollout").progress(stage, progress, 60.0)
    ((text, urn),) = shown
    assert text.startswith(f"2/5 {verb}, 1 running")
    assert urn == "urn:rollout"


def test_status_ends_with_what_does_not_get_on(monkeypatch: pytest.MonkeyPatch) -> None:
    shown: list[str] = []
    monkeypatch.setattr(engine, "status", lambda text, _: shown.append(text))
    counts = Progress(total=5, done=0, running=3, finishing=0, failed=0, departed=0, starting=2)
    ResourceLog("urn:rollout").progress(
        "install", replace(counts, holdups=("a: the Job has no pod", "b: slow")), 60.0
    )
    ResourceLog("urn:rollout").progress(
        "install", replace(counts, opens_in=30.0, holdups=("b: slow",)), 60.0
    )
    assert shown == [
        "0/5 installed, 1 running, 2 starting, 2 waiting; a: the Job has no pod; b: slow",
        "0/5 installed, 1 running, 2 starting, 2 waiting, soaking, "
        "the next wave opens in 30s; b: slow",
    ]
