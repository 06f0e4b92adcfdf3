"""What counts as a difference, and what a refresh keeps."""

from typing import Any

import pytest
import yaml

from kata_components.providers.installation import InstallationProvider
from kata_components.providers.rollout import RolloutProvider
from tests.providers import inputs
from tests.providers.inputs import UNKNOWN

DIGEST = "aaaaaaaaaaaa"
OUTCOME = {
    "selected": 5.0,
    "installed": 5.0,
    "failed": 0.0,
    "remaining": 0.0,
    "failedNodes": [],
    "digest": DIGEST,
}
DEMANDS = {"labels": ["a"], "startupTaints": ["b:NoSchedule"], "readySeconds": 300}


def planned(pending: int, digest: str = DIGEST, **counts: int) -> dict[str, Any]:
    return inputs.rollout(
        plan=yaml.safe_dump({"digest": digest, "selected": 5, "pending": pending} | counts)
    )


def rolled_out(**outcome: Any) -> dict[str, Any]:
    return planned(5) | {"outcome": OUTCOME | outcome, "failure": ""}


@pytest.mark.parametrize(
    ("olds", "news", "changes"),
    [
        (rolled_out(), planned(0), False),
        (rolled_out(), planned(2), True),
        (rolled_out(), planned(0, leftover=1), True),
        (rolled_out(), planned(0, suspended=True), True),
        (rolled_out(), planned(0, "bbbbbbbbbbbb"), True),
        (rolled_out(failed=1.0), planned(0), True),
        (rolled_out(remaining=3.0), planned(0), True),
        (rolled_out(), planned(0) | {"parallelism": 50, "soakSeconds": 9}, False),
        (rolled_out(demands={"labels": ["a"]}), planned(0) | {"demands": DEMANDS}, False),
        (rolled_out(), planned(0) | {"installJob": UNKNOWN}, True),
        (rolled_out(), planned(0) | {"installationId": UNKNOWN, "passed": UNKNOWN}, False),
        (planned(5), planned(0), True),
        (rolled_out(), inputs.rollout(), True),
    ],
    ids=[
        "finished",
        "pending",
        "finished Jobs are left",
        "the CronJob is suspended",
        "other digest",
        "failed before",
        "not started before",
        "pace alone",
        "demands that an older checkout did not know",
        "unknown template",
        "an installation that changes too",
        "no outcome known",
        "no plan known",
    ],
)
def test_a_rollout_differs_when_an_update_has_work_to_do(
    olds: dict[str, Any], news: dict[str, Any], changes: bool
) -> None:
    result = RolloutProvider().diff("id", olds, news)
    assert result.changes is changes
    assert not result.replaces


def known(**changes: Any) -> dict[str, Any]:
    return inputs.installation(clusterUid="cluster-1", **changes) | {"installationId": "i"}


@pytest.mark.parametrize(
    ("news", "changes"),
    [
        ({}, False),
        ({"parallelism": 3.0, "nodeTimeoutSeconds": 600.0}, False),
        ({"parallelism": 4}, True),
        ({"lease": "missing"}, True),
        ({"cleanupJob": "other"}, True),
    ],
    ids=["same", "as floats", "pace of the cleanup", "lease deleted", "other cleanup"],
)
def test_an_installation_differs_when_what_cleaning_needs_does(
    news: dict[str, Any], changes: bool
) -> None:
    result = InstallationProvider().diff(
        "i", known(), inputs.installation(clusterUid="cluster-1") | news
    )
    assert result.changes is changes
    assert not result.replaces


def test_an_installation_with_unknown_inputs_differs() -> None:
    assert InstallationProvider().diff("i", known(), known() | {"cleanupJob": UNKNOWN}).changes


def test_check_with_unknown_inputs_needs_no_cluster() -> None:
    news = {**inputs.rollout(), "__provider": "x", "installJob": UNKNOWN}
    for provider in (RolloutProvider(), InstallationProvider()):
        checked = provider.check({}, news)
        assert checked.failures == []
        assert checked.inputs == {key: value for key, value in news.items() if key != "__provider"}


def test_read_of_a_rollout_returns_its_inputs_without_its_results() -> None:
    props = rolled_out() | {"__provider": "x"}
    read = RolloutProvider().read("id", props)
    assert read.id == "id"
    assert read.outs == rolled_out()
    assert read.inputs == planned(5)


def test_read_of_an_installation_returns_its_inputs_without_the_id() -> None:
    read = InstallationProvider().read("i", known() | {"__provider": "x"})
    assert read.outs == known()
    assert read.inputs == inputs.installation(clusterUid="cluster-1")
