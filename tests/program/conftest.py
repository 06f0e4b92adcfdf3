"""Runs of the whole program without an engine, without leftovers between tests."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.components.conftest import _event_loops  # noqa: F401 # a fixture: pytest finds it by its name here
from tests.program.run import Run, run_program

Program = Callable[[dict[str, Any]], Run]


@pytest.fixture
def program(monkeypatch: pytest.MonkeyPatch) -> Iterator[Program]:
    """Run the program with stack configuration, keys without namespace."""
    monkeypatch.delenv("PULUMI_CONFIG", raising=False)
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    yield lambda config: run_program(loop, config)
    asyncio.set_event_loop(None)
