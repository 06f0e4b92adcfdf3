"""When an object counts as ready, judged from the object alone.

Pure. Knows DaemonSet and Job; every other kind is ready once it exists. Source of the rules: kstatus for DaemonSets,
and the official plugin for Jobs (a Failed condition with another reason than these two does not end the wait).
"""

from typing import Any, Final, NamedTuple

_HOPELESS: Final = frozenset({"BackoffLimitExceeded", "DeadlineExceeded"})


class Verdict(NamedTuple):
    """How far an object is; `failed` means that waiting is of no use. `text` is one line for people."""

    ready: bool
    failed: bool
    text: str


def verdict(live: dict[str, Any]) -> Verdict:
    """Return how far a live object is."""
    match live.get("apiVersion"), live.get("kind"):
        case "apps/v1", "DaemonSet":
            return _daemon_set(live)
        case "batch/v1", "Job":
            return _job(live)
        case _:
            return Verdict(ready=True, failed=False, text="")


def _daemon_set(live: dict[str, Any]) -> Verdict:
    status = live.get("status") or {}
    desired = status.get("desiredNumberScheduled", 0)
    counts = {
        "scheduled": status.get("currentNumberScheduled", 0),
        "updated": status.get("updatedNumberScheduled", 0),
        "available": status.get("numberAvailable", 0),
        "ready": status.get("numberReady", 0),
    }
    if status.get("observedGeneration") != live["metadata"].get("generation"):
        return Verdict(ready=False, failed=False, text="waiting for the controller to see the change")
    behind = [f"{name} {count}/{desired}" for name, count in counts.items() if count < desired]
    return Verdict(ready=not behind, failed=False, text=", ".join(behind) or f"{desired} pods ready")


def _job(live: dict[str, Any]) -> Verdict:
    status = live.get("status") or {}
    true = {item["type"]: item for item in status.get("conditions") or [] if item.get("status") == "True"}
    if "Complete" in true and status.get("startTime"):
        return Verdict(ready=True, failed=False, text="complete")
    if "Failed" in true:
        reason, message = true["Failed"].get("reason", ""), true["Failed"].get("message", "")
        return Verdict(ready=False, failed=reason in _HOPELESS, text=f"failed ({reason}): {message}")
    pods = ", ".join(f"{name} {status[name]}" for name in ("active", "succeeded", "failed") if status.get(name))
    return Verdict(ready=False, failed=False, text=f"running: {pods}" if pods else "waiting to start")
