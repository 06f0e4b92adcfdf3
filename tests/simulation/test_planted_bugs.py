"""Each safeguard of the product, taken away, breaks a promise within so many histories."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.history import play
from tests.simulation.promises import BrokenPromiseError

FOUND_BY: dict[str, int] = {}


def play_up_to(last: int, often: dict[str, float]) -> None:
    for seed in range(last + 1):
        play(seed, **often)


@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_is_found(name: str) -> None:
    bug = BUGS[name]
    with bug.plant(), pytest.raises(BrokenPromiseError):
        play_up_to(FOUND_BY[name], bug.often)
