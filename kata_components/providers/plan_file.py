"""The files a rollout leaves in `rollout.reportDir`, and the approved plan it may be bound to."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from kata_components.errors import GuardError
from kata_components.providers import engine
from kata_components.rollout.approval import Approval

PLAN: Final = "plan.json"


def write(directory: str | None, name: str, document: Mapping[str, Any], urn: str) -> str | None:
    """Write a report into the directory, if there is one; return its path, None when it could not be written."""
    if directory is None:
        return None
    path = Path(directory) / name
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        # Also after a rollout: its outcome must not be lost over a report.
        engine.warning(f"{path} could not be written ({error.strerror}); see rollout.reportDir", urn)
        return None
    return str(path)


def approval(path: str | None) -> Approval | None:
    """Return the approved plan, None when none is asked for.

    Raises:
        GuardError: it cannot be read.
    """
    if path is None:
        return None
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        msg = f"rollout.approvedPlan: {path} cannot be read ({error}). Without it nothing is approved."
        raise GuardError(msg) from None
    return Approval.parse(text, path)


def with_way_out(refusals: Sequence[str], written: str | None) -> list[str]:
    """Return refusals that can be confirmed with how to do that; `written` is the plan document that names them."""
    if written is None:
        how = (
            "set rollout.reportDir and preview again, then review the plan.json written there, copy it, and set "
            "rollout.approvedPlan to the copy."
        )
    else:
        how = f"review {written}, copy it, and set rollout.approvedPlan to the copy."
    return [*refusals[:-1], f"{refusals[-1]} To go on nevertheless: {how}"]
