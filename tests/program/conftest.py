"""Runs of the whole program without an engine, without leftovers between tests."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.components.conftest import _event_loops  # noqa: F401 # a fixture: pytest finds it by its name here
from tests.program.run import Run, run_program

Program = Callable[[dict[str, Any]], Run]
Running = Callable[[Callable[[], Any]], Run]


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Iterator[asyncio.AbstractEventLoop]:
    monkeypatch.delenv("PULUMI_CONFIG", raising=False)
    made = asyncio.new_event_loop()
    asyncio.set_event_loop(made)
    yield made
    asyncio.set_event_loop(None)


@pytest.fixture
def program(loop: asyncio.AbstractEventLoop) -> Program:
    """Run the program with stack configuration, keys without namespace."""
    return lambda config: run_program(loop, config)


@pytest.fixture
def running(loop: asyncio.AbstractEventLoop) -> Running:
    """Run another program, without configuration."""
    return lambda registering: run_program(loop, {}, registering)
