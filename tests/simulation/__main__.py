"""Play one history or many: `python -m tests.simulation SEED [COUNT]`."""

import sys
import time

from tests.simulation.broken import BrokenPromiseError
from tests.simulation.history import play


def main(first: int, count: int) -> int:
    broken = 0
    began = time.monotonic()
    for seed in range(first, first + count):
        try:
            play(seed)
        except BrokenPromiseError as error:
            broken += 1
            print(error, *error.__notes__, sep="\n  ", flush=True)
        except Exception as error:
            broken += 1
            print(f"seed {seed}: {type(error).__name__}: {error}", flush=True)
            if count == 1:
                raise
    print(f"{broken} of {count} histories broke a promise, {time.monotonic() - began:.0f} s")
    return broken


if __name__ == "__main__":
    arguments = [int(argument) for argument in sys.argv[1:]]
    sys.exit(min(1, main(arguments[0], arguments[1] if len(arguments) > 1 else 1)))
