"""Leases in virtual time."""

import functools

import pytest

from kata_components.operations import install, installation
from kata_components.runners import cluster_install
from kata_components.runners.lease import held
from tests.model.virtual_loop import now


@pytest.fixture(autouse=True)
def virtual_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge Leases by the clock of the virtual loop."""
    for module in (install, cluster_install, installation):
        monkeypatch.setattr(module, "held", functools.partial(held, clock=now))
