"""`python -m kata_components.report`: make rollout.html or plan.html again from the data."""

import argparse
import sys
from pathlib import Path

import msgspec

from kata_components.report import plan_page, plan_record, record, rollout_page


def main() -> int:
    """Write the page beside the data; return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m kata_components.report", description=__doc__)
    parser.add_argument("data", type=Path, help="a rollout.json or plan.json")
    data: Path = parser.parse_args().data
    try:
        html = _page(data)
    except OSError as error:
        sys.stderr.write(f"cannot read {data}: {error.strerror}\n")
        return 1
    except msgspec.DecodeError as error:
        sys.stderr.write(f"{data} is no rollout.json or plan.json: {error}\n")
        return 1
    made = data.with_suffix(".html")
    made.write_text(html, encoding="utf-8")
    sys.stdout.write(f"{made}\n")
    return 0


def _page(data: Path) -> str:
    text = data.read_bytes()
    # Only plans have a number of their schema: programs read them, too.
    if "schema" in msgspec.json.decode(text, type=dict[str, msgspec.Raw]):
        return plan_page.page(plan_record.parse(text), str(data))
    return rollout_page.page(record.parse(text))


if __name__ == "__main__":
    sys.exit(main())
