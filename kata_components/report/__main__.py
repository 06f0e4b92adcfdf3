"""`python -m kata_components.report rollout.json`: make rollout.html again from the data."""

import argparse
import sys
from pathlib import Path

import msgspec

from kata_components.report.record import parse
from kata_components.report.rollout_page import page


def main() -> int:
    """Write the page beside the data; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kata_components.report", description=__doc__)
    parser.add_argument("data", type=Path, help="the rollout.json of a rollout")
    data: Path = parser.parse_args().data
    try:
        record = parse(data.read_bytes())
    except OSError as error:
        sys.stderr.write(f"cannot read {data}: {error.strerror}\n")
        return 1
    except msgspec.DecodeError as error:
        sys.stderr.write(f"{data} is not a rollout.json: {error}\n")
        return 1
    made = data.with_suffix(".html")
    made.write_text(page(record), encoding="utf-8")
    sys.stdout.write(f"{made}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
