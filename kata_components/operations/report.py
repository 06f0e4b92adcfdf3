"""The words of a rollout: takeover, progress, outcome.

Pure text, bounded in length whatever the fleet's size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from kata_components.pacing.progress import Failure, Progress
from kata_components.planning.helm import Release
from kata_components.planning.step import Action
from kata_components.wording import SHOWN_NODES, duration, nodes, some

_MINUTE: Final = 60


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a rollout ended; the stack output `rollout` in this order.

    Counts are nodes, `seconds` is wall time.
    """

    selected: int
    up_to_date: int
    installed: int
    adopted: int
    relabelled: int
    cleaned: int
    failed: int
    skipped: int
    remaining: int
    failed_nodes: tuple[str, ...]
    seconds: float
    digest: str

    def output(self) -> dict[str, Any]:
        """Return it as stack output, O(1) in the number of nodes."""
        return {
            "selected": self.selected,
            "upToDate": self.up_to_date,
            "installed": self.installed,
            "adopted": self.adopted,
            "relabelled": self.relabelled,
            "cleaned": self.cleaned,
            "failed": self.failed,
            "skipped": self.skipped,
            "remaining": self.remaining,
            "failedNodes": list(self.failed_nodes[:SHOWN_NODES]),
            "seconds": round(self.seconds, 1),
            "digest": self.digest,
        }


def resumed(lease: str) -> str:
    """Return what creating an installation means if this stack has one with this Lease."""
    return (
        f"this stack already has an installation on the cluster (Lease {lease}), for example "
        "because its state was lost: this run continues with it. An older state, or another stack "
        "of the same name, can no longer change it"
    )


def takeover_plan(objects: int, release: Release, restarted: int | None) -> str:
    """Return what taking over a Helm release means.

    `restarted` is how many pods of its DaemonSet restart, None without one.
    """
    lines = [
        f"takes over {_objects(objects)} of the Helm release {release}; they stay, and Helm's "
        "labels are removed from them"
    ]
    lines += _restarts("its", restarted, "of the release")
    lines.append(
        "afterwards never run `helm uninstall` or `helm upgrade` on it: they would remove or "
        "change them"
    )
    lines.append(f"after `pulumi up`, make Helm forget the release: `{release.forget}`")
    return "\n  ".join(lines)


def adoption_plan(objects: Sequence[str], restarted: int | None) -> str:
    """Return what taking over objects that name no owner means; `restarted` as above."""
    exist, they_are, them = (
        ("exists", "it is", "it") if len(objects) == 1 else ("exist", "they are", "them")
    )
    lines = [
        f"takes over {_objects(len(objects))} that already {exist} ({some(objects)}); afterwards "
        f"{they_are} this stack's"
    ]
    lines += _restarts("the", restarted, "it was made from")
    lines.append(
        f"whatever applied {them} (kubectl, Argo CD, Flux) must not do so again; `pulumi destroy` "
        f"will delete {them}"
    )
    return "\n  ".join(lines)


def naming_plan(objects: int) -> str:
    """Return what becomes of objects of this stack that an older version of the program made."""
    return (
        f"{_objects(objects)} of this stack, made by an older version of this program, will be "
        "annotated with the stack's name; nothing else about them changes, and no node is touched"
    )


def _restarts(whose: str, restarted: int | None, values: str) -> list[str]:
    """Return what becomes of the pods of a DaemonSet that is taken over."""
    if restarted is None:
        return []
    if restarted == 0:
        return [f"{whose} DaemonSet has the pods of this configuration already: none restarts"]
    return [
        f"{whose} DaemonSet has other pods than this configuration: they restart on "
        f"{nodes(restarted)}, and each removes Kata, installs it again and restarts the node's "
        f"container runtime. To avoid that, use the values {values}"
    ]


def taken_over(objects: int, release: Release) -> str:
    """Return what is left to do after a Helm release was taken over."""
    return (
        f"took over {_objects(objects)} of the Helm release {release}. Now make Helm forget it: "
        f"`{release.forget}`"
    )


def _objects(count: int) -> str:
    return "1 object" if count == 1 else f"{count} objects"


def cleaning(planned: Mapping[str, int], parallelism: int) -> str:
    """Return what a cleanup is about to do, given how many nodes have which action."""
    wanted, skipped = planned.get(Action.CLEANUP, 0), planned.get(Action.SKIPPED, 0)
    what = (
        f"cleaning {nodes(wanted)}, at most {parallelism} at a time"
        if wanted
        else "no nodes to clean"
    )
    return f"{what}, {skipped} skipped" if skipped else what


def left_out(nodes_left: Sequence[Failure]) -> str:
    """Return which nodes were left out in a run, though planned, and why."""
    listed = some([f"{node.node} ({node.text})" for node in nodes_left])
    return f"left out, having changed since the plan; the next run looks at them again: {listed}"


def still_tainted(nodes: Sequence[Failure]) -> str:
    """Return which nodes are installed but keep pods away, and why."""
    listed = some([f"{node.node} ({node.text})" for node in nodes])
    return f"startup taints could not be lifted; the next run tries again: {listed}"


def progress_line(verb: str, progress: Progress, seconds: float) -> str:
    """Return the status of a running rollout: counts, rate, time left, and what is held up."""
    parts = [
        f"{progress.done}/{progress.total} {verb}",
        f"{progress.running - progress.starting} running",
    ]
    if progress.starting:
        parts.append(f"{progress.starting} starting")
    if progress.others:
        jobs = "1 Job" if progress.others == 1 else f"{progress.others} Jobs"
        parts.append(f"{jobs} of earlier runs still at work")
    if progress.settling:
        parts.append(f"{progress.settling} becoming ready")
    if progress.finishing:
        parts.append(f"{progress.finishing} finishing")
    if progress.failed:
        parts.append(f"{progress.failed} failed")
    if progress.skipped:
        parts.append(f"{progress.skipped} left out")
    parts.append(f"{progress.remaining} waiting")
    if progress.opens_in:
        parts.append(f"soaking, the next wave opens in {duration(progress.opens_in)}")
    elif (
        progress.done
        and seconds > 0
        and (progress.remaining or (progress.running and not progress.holdups))
    ):
        rate = progress.done / seconds
        unfinished = progress.running + progress.settling + progress.finishing
        left = (progress.remaining + unfinished) / rate
        parts.append(f"{rate * _MINUTE:.0f}/min, about {duration(left)} left")
    return "; ".join([", ".join(parts), *progress.holdups])


def failure_text(
    verb: str,
    failures: Sequence[Failure],
    *,
    failed: int,
    remaining: int,
    stop_reason: str,
    details: str,
) -> str:
    """Return the complete text of an incomplete rollout: a summary, then a line per node.

    `details` is the command that shows more about the nodes that failed.
    """
    head = f"{nodes(failed)} could not be {verb}"
    if stop_reason:
        head += f", {remaining} {'was' if remaining == 1 else 'were'} not started ({stop_reason})"
    more = [f"  for details: `{details}`"] if failed else []
    return "\n".join([head, *failure_lines(failures), *more])


def failure_lines(failures: Sequence[Failure]) -> list[str]:
    """Return a line per node, for as many as a message names, and how many more there are."""
    lines = [f"  {failure.node}: {failure.text}" for failure in failures[:SHOWN_NODES]]
    if len(failures) > SHOWN_NODES:
        lines.append(f"  and {len(failures) - SHOWN_NODES} more")
    return lines
