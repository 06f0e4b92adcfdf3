"""The reports in `rollout.reportDir`, and the approved plan that may bind a rollout."""

import json
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kata_components.errors import GuardError
from kata_components.planning.approval import Approval
from kata_components.providers import engine

PLAN: Final = "plan.json"


def write(directory: str | None, name: str, document: Mapping[str, Any], urn: str) -> str | None:
    """Write a report as JSON into the directory; return its path, None if nothing was written."""
    return write_text(directory, name, json.dumps(document, indent=2) + "\n", urn)


def write_text(directory: str | None, name: str, text: str, urn: str) -> str | None:
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


def _replace(path: Path, text: str) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8") as file:
            file.write(text)
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def approval(path: str | None, directory: str | None) -> Approval | None:
    """Return the approved plan, if any; `directory` is where this run writes its own.

    Raises:
        GuardError: it cannot be read, or it is the file that this run writes: it would approve
            itself.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
        written = Path(directory, PLAN) if directory else None
        if written and written.exists() and written.samefile(path):
            raise GuardError(
                f"rollout.approvedPlan: {path} is the file that each preview writes "
                f"(rollout.reportDir {directory}), "
                "so it would approve whatever it contains. Approve a copy of it."
            )
    except (OSError, UnicodeDecodeError) as error:
        msg = f"rollout.approvedPlan: cannot read {path} ({error}). Without it nothing is approved."
        raise GuardError(msg) from None
    return Approval.parse(text, path)


def with_way_out(refusals: Sequence[str], written: str | None) -> list[str]:
    """Return refusals with how to confirm them; `written` is the plan that names them, if any."""
    if written is None:
        how = (
            "set rollout.reportDir and preview again, then review the plan.json written there, "
            "copy it, and set rollout.approvedPlan to the copy."
        )
    else:
        how = f"review {written}, copy it, and set rollout.approvedPlan to the copy."
    return [*refusals[:-1], f"{refusals[-1]} To proceed anyway: {how}"]
