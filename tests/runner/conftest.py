"""The runner in virtual time."""

import functools

import pytest

from kata_components.runner import anchor, dispatch_install, install
from kata_components.runner.lease import held
from tests.runner.virtual_loop import now


@pytest.fixture(autouse=True)
def _virtual_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge Leases by the clock of the virtual loop."""
    for module in (install, dispatch_install, anchor):
        monkeypatch.setattr(module, "held", functools.partial(held, clock=now))
