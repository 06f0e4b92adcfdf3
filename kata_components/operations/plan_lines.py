"""The words of a plan: a summary, and a line for each group of nodes.

Pure text, some fifteen lines whatever the fleet's size.
"""

from collections.abc import Sequence
from itertools import groupby
from typing import Final

from kata_components.foreign import bounded
from kata_components.planning.grouping import Group, Part, groups
from kata_components.planning.plan import NOTHING, Plan
from kata_components.planning.step import Action, Step
from kata_components.planning.verdict import NEW
from kata_components.wording import SHOWN_RUNS, Names, counts, duration, listed, named, nodes, runs

_SHOWN_REASONS: Final = 3


def plan_summary(plan: Plan, parallelism: int) -> str:
    """Return the one line that names what will happen."""
    total = len(plan.steps)
    if not plan.pending:
        return (
            f"plan: nothing to do on {total} selected {'node' if total == 1 else 'nodes'} "
            f"({counts(plan.counts)}), digest {plan.digest}"
        )
    sizes = [len(list(group)) for _, group in groupby(sorted(step.wave for step in plan.pending))]
    waves = f" in waves of {', '.join(map(str, sizes))}" if len(sizes) > 1 else ""
    soak = (
        f"; it soaks for {duration(plan.opens_in)} before the next wave opens"
        if plan.opens_in
        else ""
    )
    return (
        f"plan: {len(plan.pending)} of {total} selected nodes{waves}, at most {parallelism} at a "
        f"time ({counts(plan.counts)}), digest {plan.digest}{soak}"
    )


def nothing_selected(selection: str) -> str:
    """Return what a plan without nodes most likely means."""
    return (
        f"no node of the cluster matches {selection}: label the nodes (`kubectl label node`), or "
        "correct the selection"
    )


def plan_lines(
    plan: Plan,
    *,
    parallelism: int,
    cleanup: Plan = NOTHING,
    deselected: Sequence[str] = (),
    full_list: str | None,
) -> list[str]:
    """Return the summary, then what happens to which nodes and why, then where all of them are.

    `full_list` is that place, if there is one.
    """
    found = groups(plan, cleanup)
    waves = sorted({step.wave for step in plan.pending})
    lines = [plan_summary(plan, parallelism), *_leftover(plan)]
    lines += [f"  {_place(group, waves)}{_happening(group)}" for group in found]
    if deselected and not cleanup.steps:
        lines.append(_kept(deselected))
    if found and full_list:
        lines.append(f"  each node with its reason: {full_list}")
    elif not all(map(_is_whole, found)):
        lines.append("  set rollout.reportDir to get each node with its reason in a plan.html")
    return lines


def privileges(containers: Sequence[str]) -> str:
    """Return which containers of each Job a policy against privileged ones would refuse."""
    return f"  privileged in each Job: {', '.join(containers)}"


def suspended(cron_job: str) -> str:
    """Return what becomes of the CronJob that an interrupted run has left suspended."""
    return f"  the CronJob {cron_job} is suspended by an interrupted run; `pulumi up` resumes it"


def _leftover(plan: Plan) -> list[str]:
    if plan.pending or not plan.leftover:
        return []
    return [f"  removes finished Jobs of {nodes(plan.leftover)}, left behind by an earlier run"]


def _kept(deselected: Sequence[str]) -> str:
    """Return what happens to nodes that carry the mark and are not selected."""
    kept = f"{nodes(len(deselected))} no longer selected, left as installed: {named(deselected)}"
    return f"  {kept} (rollout.cleanupDeselected would clean)"


def _place(group: Group, waves: Sequence[int]) -> str:
    """Return when it is the turn of a group.

    Waves are counted among those with work, as the summary lists them.
    """
    if group.part is Part.SKIPPED:
        return ""
    if group.part is Part.CLEANUP:
        return "then cleanup: "
    numbers = [waves.index(wave) + 1 for wave in group.waves]
    places = []
    if len(numbers) > 1:
        places.append(f"waves {numbers[0]} to {numbers[-1]}")
    elif len(waves) > 1:
        places.append(f"wave {numbers[0]}")
    if _are_canaries(group):
        places.append("canary" if len(group.steps) == 1 else "canaries")
    return f"{', '.join(places)}: " if places else ""


def _happening(group: Group) -> str:
    """Return what happens to which nodes and why."""
    names = listed(_names(group))
    count = len(group.steps)
    reasons = _reasons(group)
    if len(group.actions) > 1:
        return f"{counts(group.actions)} ({names}): {reasons}"
    (action,) = group.actions
    verb = "" if action == Action.CLEANUP else f"{action} "
    is_new = group.reasons == [NEW]
    if _are_canaries(group):
        return f"{verb}{names}" if is_new else f"{verb}{names}: {reasons}"
    if is_new:
        return f"{verb}{count} new {'node' if count == 1 else 'nodes'}: {names}"
    return f"{verb}{names if count == 1 else f'{nodes(count)} ({names})'}: {reasons}"


def _reasons(group: Group) -> str:
    text = "; ".join(group.reasons[:_SHOWN_REASONS])
    if more := len(group.reasons[_SHOWN_REASONS:]):
        text += f"; and {more} more {'reason' if more == 1 else 'reasons'}"
    return text


def _names(group: Group) -> list[Names]:
    if not _are_canaries(group):
        return runs(step.node for step in group.steps)
    steps = sorted(group.steps, key=lambda step: step.node)
    kinds = {step.kind for step in steps}
    systems = {(kind.architecture, kind.os_image) for kind in kinds}
    return [Names(_canary(step, alike=len(systems) < len(kinds)), 1) for step in steps]


def _canary(step: Step, *, alike: bool) -> str:
    """Return a canary and what it stands for; all of it if other canaries have its system, too."""
    architecture, os_image, kernel, container_runtime = step.kind
    told = [architecture, os_image]
    if alike:
        told += [f"kernel {kernel}", container_runtime]
    return f"{step.node} ({', '.join(bounded(part or 'unknown') for part in told)})"


def _are_canaries(group: Group) -> bool:
    return all(step.canary for step in group.steps)


def _is_whole(group: Group) -> bool:
    """Whether its line leaves nothing out."""
    return (
        len(group.actions) == 1
        and len(group.reasons) <= _SHOWN_REASONS
        and len(_names(group)) <= SHOWN_RUNS
    )
