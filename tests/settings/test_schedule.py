"""What Kubernetes takes as the schedule of a CronJob, and what it refuses."""

import pytest

from kata_components.errors import SettingsError
from kata_components.settings.load import load_settings
from kata_components.settings.settings import Settings


def schedule(text: str) -> Settings:
    reconcile = {"enabled": True, "schedule": text}
    return load_settings(
        {
            "kataVersion": "4.2.0",
            "cluster": {"context": "c"},
            "deploymentMode": "job",
            "rollout": {"runsIn": "cluster"},
            "job": {"reconcile": reconcile},
        }
    )


@pytest.mark.parametrize(
    "text",
    [
        "*/15 * * * *",
        "05 1,13 1-7/2 JAN-jun ?",
        "0 0 31 12 sun",
        "5/10 * * * 1-5",
        "@hourly",
        "@every 1h30m",
    ],
)
def test_schedule_that_kubernetes_knows_is_accepted(text: str) -> None:
    assert schedule(text).job.reconcile.schedule == text


@pytest.mark.parametrize(
    "text",
    [
        "15",
        "* * * *",
        "60 * * * *",
        "* * 0 * *",
        "* * * * 7",
        "*/0 * * * *",
        "*/ * * * *",
        "5-1 * * * *",
        "-5 * * * *",
        "1-2-3 * * * *",
        "jan * * * *",
        "TZ=UTC * * * * *",
        "@sometimes",
        "@every day",
    ],
)
def test_schedule_that_kubernetes_refuses_is_refused(text: str) -> None:
    with pytest.raises(SettingsError) as caught:
        schedule(text)
    assert caught.value.problems == (
        f"job.reconcile.schedule: must be a schedule such as */15 * * * * or @hourly, got {text!r}",
    )
