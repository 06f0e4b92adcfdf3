"""Leases in virtual time."""

import functools
from collections.abc import Callable, Coroutine
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from kata_components.errors import RolloutStoppedError
from kata_components.kubernetes.api import KubeApi
from kata_components.runners.lease import HeldLease, hold_lease
from kata_components.runners.progress import Reporter
from tests.model.installation import LEASE, NAMESPACE, OWNER, Told
from tests.model.virtual_loop import now


@pytest.fixture(autouse=True)
def virtual_lease(monkeypatch: pytest.MonkeyPatch) -> None:
    """Judge Leases by the clock of the virtual loop."""
    in_virtual_time = functools.partial(hold_lease, clock=now)
    monkeypatch.setattr("kata_components.runners.run.hold_lease", in_virtual_time)


def holding(
    api: KubeApi, *, clock: Callable[[], float] = now, reporter: Reporter | None = None
) -> AbstractAsyncContextManager[HeldLease]:
    """Hold the Lease of the model's installation, as a run does."""
    return hold_lease(api, NAMESPACE, LEASE, owner=OWNER, reporter=reporter or Told(), clock=clock)


async def stopped(run: Coroutine[Any, Any, Any]) -> tuple[str, float]:
    """Await a run that is stopped; return with which words, and when."""
    with pytest.raises(RolloutStoppedError) as caught:
        await run
    return str(caught.value), now()
