"""Where no real node can run, one line says why and what to do."""

import os
import sys
from pathlib import Path

import pytest

from sandbox.real_node.obstacle import obstacle


def test_another_system_than_linux_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    assert obstacle() == "a real node needs Linux, this is darwin"


def test_another_user_than_root_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    assert obstacle().startswith("a real node needs root")


def test_missing_programs_are_named_with_their_packages(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    for name in ("ip", "nsenter", "openssl"):
        (tmp_path / name).touch(mode=0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert obstacle() == (
        "a real node needs systemd-nspawn, mmdebstrap: apt-get install systemd-container mmdebstrap"
    )
