"""Pulumi's mocks for tests of components, with nothing left over between tests."""

import asyncio
from collections.abc import Iterator

import pulumi
import pytest

from tests.components.recorder import Recorder


@pytest.fixture(scope="session", autouse=True)
def _event_loops() -> Iterator[None]:
    """Close the event loops at the end: the SDK creates one per worker thread and closes none."""
    loops: list[asyncio.AbstractEventLoop] = []
    original = asyncio.new_event_loop

    def recorded() -> asyncio.AbstractEventLoop:
        loops.append(original())
        return loops[-1]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(asyncio, "new_event_loop", recorded)
        yield
    for loop in loops:
        loop.close()


@pytest.fixture
def recorder() -> Iterator[Recorder]:
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    mocks = Recorder()
    pulumi.runtime.set_mocks(mocks, project="kata-deploy", stack="test")
    yield mocks
    asyncio.set_event_loop(None)
