"""What rollout.json says of each node that a rollout was to touch, or skipped."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Final

from kata_components.pacing.progress import Failure
from kata_components.pacing.times import NodeTimes
from kata_components.planning.plan import Plan
from kata_components.planning.step import Action, Step
from kata_components.report.record import NodeRecord, Result
from kata_components.runners.runner import Cleaned, InstallResult

_End = tuple[Result, str]
"""What became of a node, and why."""
_UNTRIED: Final = "failed in an earlier run and was not tried again"
_DIGITS: Final = 2
"""How many digits of a second are kept."""


def install_records(
    planned: Plan, result: InstallResult, began: float, until: float
) -> list[NodeRecord]:
    """Return a record for each node that is not up to date, in the order of the plan.

    `began` is when the run began, `until` when it ended, by the clock of the times.
    """
    left = planned.pending if result.remaining else ()
    # Others that have not ended in any other way have left the cluster.
    waiting = [step.node for step in left if step.node not in result.times]
    ends = _ends("waiting", waiting)
    ends |= _ends("done", result.done) | _texts("done", result.still_tainted)
    ends |= _texts("skipped", result.skipped) | _texts("failed", result.failures)
    ends |= _ends("failed", result.untried, _UNTRIED) | _ends("working", result.working)
    cut = {node: replace(result.times[node], ended=until) for node in result.working}
    steps = [step for step in planned.steps if step.action is not Action.UP_TO_DATE]
    return [_record(step, ends, {**result.times, **cut}, began) for step in steps]


def cleanup_records(planned: Plan, cleaned: Cleaned, began: float) -> list[NodeRecord]:
    """Return a record for each node that was to be cleaned, if the rollout came to that."""
    ends = _ends("done", cleaned.nodes) | _texts("skipped", cleaned.skipped)
    ends |= _texts("failed", cleaned.failures)
    steps = [step for step in planned.pending if step.node in ends]
    return [_record(step, ends, cleaned.times, began) for step in steps]


def _ends(result: Result, nodes: Collection[str], text: str = "") -> dict[str, _End]:
    return dict.fromkeys(nodes, (result, text))


def _texts(result: Result, nodes: Sequence[Failure]) -> dict[str, _End]:
    return {node.node: (result, node.text) for node in nodes}


def _record(
    step: Step, ends: Mapping[str, _End], times: Mapping[str, NodeTimes], began: float
) -> NodeRecord:
    def since(moment: float | None) -> float | None:
        return None if moment is None else round(max(0.0, moment - began), _DIGITS)

    passed = times.get(step.node, NodeTimes())
    result, text = ends.get(step.node, ("gone" if step.action.pending else "skipped", ""))
    return NodeRecord(
        node=step.node,
        action=step.action.value,
        reason=step.reason,
        wave=step.wave,
        canary=step.canary,
        result=result,
        text=text,
        started=since(passed.started),
        job_started=since(passed.job_started),
        job_ended=since(passed.job_ended),
        ended=since(passed.ended),
    )
