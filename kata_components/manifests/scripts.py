"""Shell scripts beside the manifests: each runs after lines that define its variables."""

import shlex
from pathlib import Path

_FOLDER = Path(__file__).parent


def script(name: str, **variables: str) -> str:
    """Return the text of `<name>.sh` after lines that define its variables."""
    lines = [f"{variable}={shlex.quote(value)}\n" for variable, value in variables.items()]
    return "".join(lines) + (_FOLDER / f"{name}.sh").read_text(encoding="utf-8")
