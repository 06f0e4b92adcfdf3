"""The files in `rollout.reportDir`: each is replaced as a whole, and none ends a run."""

import secrets
from collections.abc import Callable
from pathlib import Path

from kata_components.providers import engine


def write(directory: str | None, name: str, text: str, urn: str) -> str | None:
    """Write a report into the directory; return its path, None if nothing was written.

    Readers always find a complete report, the old or the new one. No link is followed.
    """
    if directory is None:
        return None
    path = Path(directory) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, text)
    except OSError as error:
        # Only a warning: a rollout must not lose its outcome over a report.
        engine.warning(f"cannot write {path} ({error.strerror}); check rollout.reportDir", urn)
        return None
    return str(path)


def write_page(directory: str, name: str, page: Callable[[], str], urn: str) -> str | None:
    """Write a report for people, which may fail to be made; return its path, if it was written."""
    try:
        text = page()
    except Exception as error:  # whatever it is: a rollout must not lose its outcome over a page
        engine.warning(f"cannot make {name}: {type(error).__name__}: {error}", urn)
        return None
    return write(directory, name, text, urn)


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
