"""Programs that stand for tools, in folders that stand for PATH."""

import sys
import textwrap
from pathlib import Path


def program(place: Path, body: str) -> Path:
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(f"#!{sys.executable}\n{textwrap.dedent(body)}", encoding="utf-8")
    place.chmod(0o755)
    return place


def printing(place: Path, text: str) -> Path:
    return program(place, f"print({text!r})")
