"""The files a rollout leaves in `rollout.reportDir`, and the approved plan it may be bound to."""

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
    """Write a report into the directory, if there is one; return its path, None when it could not be written.

    Whoever reads meanwhile finds the whole old report or the whole new one, and no link is
    followed.
    """
    if directory is None:
        return None
    path = Path(directory) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _replace(path, json.dumps(document, indent=2) + "\n")
    except OSError as error:
        # Also after a rollout: its outcome must not be lost over a report.
        engine.warning(
            f"{path} could not be written ({error.strerror}); see rollout.reportDir", urn
        )
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
    """Return the approved plan, None when none is asked for; `directory` is where this run writes its own.

    Raises:
        GuardError: it cannot be read, or is the file that this run writes and would approve itself
            with.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
        written = Path(directory, PLAN) if directory else None
        if written and written.exists() and written.samefile(path):
            raise GuardError(
                f"rollout.approvedPlan: {path} is the file that each preview writes (rollout.reportDir {directory}), "
                "and would approve whatever stands there. Approve a copy of it."
            )
    except (OSError, UnicodeDecodeError) as error:
        msg = f"rollout.approvedPlan: {path} cannot be read ({error}). Without it nothing is approved."
        raise GuardError(msg) from None
    return Approval.parse(text, path)


def with_way_out(refusals: Sequence[str], written: str | None) -> list[str]:
    """Return refusals that can be confirmed with how to do that.

    `written` is the plan document that names them.
    """
    if written is None:
        how = (
            "set rollout.reportDir and preview again, then review the plan.json written there, copy it, and set "
            "rollout.approvedPlan to the copy."
        )
    else:
        how = f"review {written}, copy it, and set rollout.approvedPlan to the copy."
    return [*refusals[:-1], f"{refusals[-1]} To go on nevertheless: {how}"]
