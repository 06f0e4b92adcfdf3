import asyncio

import pytest

from kata_components.kubernetes.concurrency import run_bounded
from tests.model.virtual_loop import simulate


@pytest.mark.parametrize(("calls", "most"), [(0, 0), (2, 2), (10, 3)])
def test_all_calls_are_made_but_never_more_than_the_limit_at_a_time(calls: int, most: int) -> None:
    running = peak = 0

    async def call() -> None:
        nonlocal running, peak
        running += 1
        peak = max(peak, running)
        await asyncio.sleep(1.0)
        running -= 1

    simulate(run_bounded(3, (call() for _ in range(calls))))
    assert (running, peak) == (0, most)


def test_the_first_error_is_raised_and_cancels_the_others() -> None:
    begun = []

    async def call(number: int) -> None:
        begun.append(number)
        await asyncio.sleep(1.0)
        if number == 1:
            raise KeyError(number)
        await asyncio.sleep(1.0)

    with pytest.raises(KeyError):
        simulate(run_bounded(2, map(call, range(10))))
    assert begun == [0, 1]
