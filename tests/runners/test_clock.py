"""The clock that Leases are judged by."""

import time

import pytest

from kata_components.runners import clock


def test_setting_the_wall_clock_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    before = clock.elapsed()
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert 0.0 <= clock.elapsed() - before < 60.0


def test_without_a_clock_for_sleep_the_systems_monotonic_one_stands_in(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert abs(clock.elapsed() - time.clock_gettime(time.CLOCK_MONOTONIC)) < 60.0
