"""Each safeguard of the product, taken away, breaks a promise within so many histories."""

import pytest

from tests.simulation.bugs import BUGS
from tests.simulation.history import play
from tests.simulation.promises import BrokenPromiseError

FOUND_BY: dict[str, int] = {}


def play_up_to(last: int) -> None:
    for seed in range(last + 1):
        play(seed)


@pytest.mark.parametrize("name", BUGS)
def test_planted_bug_is_found(name: str) -> None:
    with BUGS[name](), pytest.raises(BrokenPromiseError):
        play_up_to(FOUND_BY[name])
