"""plan.html: a plan as one page for its reviewer that needs no network and no scripts. Pure.

It has every node: nodes that only differ in name share a row. Beyond `MOST_ROWS` rows, which takes
a fleet where hardly two nodes are alike, it says how many more plan.json has.
"""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, Final

from kata_components import names, wording
from kata_components.report import charts, plan_chart, plan_rows, templates
from kata_components.report.plan_record import PlanRecord, Release
from kata_components.report.plan_rows import Change, Section
from kata_components.report.reasons import reasons

MOST_ROWS: Final = 1000
_REASON: Final = 300
"""How many characters of a reason a row has."""
_COPY: Final = "approved.json"
_RUNTIME: Final = "the container runtime"
_NOTHING: Final = "nothing"
_WHAT_HAPPENS: Final = {
    "install": ("A Job puts Kata on the host and configures the container runtime.", _RUNTIME),
    "upgrade": ("A Job replaces Kata. Kata pods that run there may end.", _RUNTIME),
    "rebuilt": ("A Job installs Kata: the machine behind the name is a new one.", _RUNTIME),
    "retry": ("A new Job takes the place of the one that failed.", _RUNTIME),
    "resume": (
        "Its Job is followed if it still runs; then the node is marked.",
        f"{_RUNTIME}, by the Job that is there",
    ),
    "adopt": ("The node is marked. Kata stays as something else has installed it.", _NOTHING),
    "relabel": ("Kata's labels are restored, startup taints lifted. No Job.", _NOTHING),
    "cleanup": ("A Job removes Kata. Kata pods that run there end.", _RUNTIME),
}
"""What is done to a node, and what restarts on it, by action."""


def page(record: PlanRecord, path: str) -> str:
    """Return the HTML; `path` is that of the plan.json, for the commands that approve it."""
    shown, more_rows = _first_rows(plan_rows.sections(record))
    kinds = plan_rows.kinds(record.listed)
    changes = plan_rows.changes(record)
    return templates.rendered(
        "plan.html",
        record=record,
        headline=headline(record),
        figures=_figures(record),
        pace=_pace(record.pace),
        changes=changes[: wording.SHOWN_NODES],
        more_changes=len(changes) - wording.SHOWN_NODES,
        effects=lambda change: _effects(change, record.wanted),
        release=_release,
        waves=plan_rows.waves(record),
        kinds=dict(islice(kinds.items(), wording.SHOWN_NODES)),
        more_kinds=len(kinds) - wording.SHOWN_NODES,
        kind_names=plan_rows.kind_names(kinds),
        skipped=reasons(
            (node.node, node.reason) for node in record.listed if node.action == "skipped"
        ),
        zoned=any(node.zone for node in record.listed),
        sections=shown,
        more_rows=more_rows,
        longest=_REASON,
        commands=_commands(record, path) if record.guards or record.pending else [],
        chart=charts,
        drawing=plan_chart,
        actions=plan_rows.actions,
        canaries=lambda alike: [node.node for node in alike if node.canary],
        named=wording.named,
        some=wording.some,
    )


def headline(record: PlanRecord) -> str:
    """Return what `up` would do, in one line."""
    if record.nodes is None:
        return "Stopped by a guard rail before there was a plan"
    total = wording.nodes(len(record.nodes))
    if not record.pending:
        return f"Nothing to do on {total}" if record.nodes else "No node is selected"
    actions = {node.action for node in record.pending}
    counted = {action: count for action, count in record.counts.items() if action in actions}
    return f"pulumi up touches {len(record.pending)} of {total}: {wording.counts(counted)}"


def _figures(record: PlanRecord) -> dict[str, str]:
    """Return the facts above the tables, by what they are."""
    figures = {
        "Kata": record.kata_version,
        "digest": record.digest,
        "namespace": record.namespace,
        "suffix": record.suffix,
        "cluster (UID of kube-system)": record.cluster_uid,
    }
    if record.nodes is not None:
        figures |= {
            "selected": wording.nodes(sum(node.selected for node in record.nodes)),
            "up to date": str(record.counts.get("upToDate", 0)),
            "skipped": str(record.counts.get("skipped", 0)),
        }
    return {name: value for name, value in figures.items() if value}


def _pace(pace: Mapping[str, Any]) -> dict[str, str]:
    return {
        key: ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        for key, value in pace.items()
    }


def _commands(record: PlanRecord, path: str) -> list[str]:
    """Return what to type to approve the plan, and to carry it out."""
    project, _, stack = record.stack.rpartition("/")
    on_stack = f"--stack {shlex.quote(stack)}"
    key = f"--path {names.PROJECT}:rollout.approvedPlan"
    then = f"pulumi {'preview' if record.nodes is None else 'up'} {on_stack}"
    copy = f"cp {shlex.quote(path)} {_COPY}"
    if project != names.PROJECT:
        told = f"# set rollout.approvedPlan to {_COPY} in the arguments of KataDeploy"
        return [copy, told, then]
    setting = [copy, f"pulumi config set {on_stack} {key} {_COPY}", then]
    return setting if record.nodes is None else [*setting, f"pulumi config rm {on_stack} {key}"]


def _effects(change: Change, wanted: Release) -> tuple[str, str, str]:
    """Return what is done to the nodes, what restarts on them, and what is on them afterwards."""
    done, restarts = _WHAT_HAPPENS.get(change.action, ("", ""))
    afterwards = {"cleanup": "no Kata", "adopt": "as now"}.get(change.action, _release(wanted))
    return done, restarts, afterwards


def _release(release: Release | None) -> str:
    if release is None:
        return "-"
    version = release.kata_version and f"Kata {release.kata_version} with "
    return f"{version}digest {release.digest}"


def _first_rows(sections: Sequence[Section]) -> tuple[list[Section], int]:
    """Return the sections up to `MOST_ROWS` rows, and how many rows are left."""
    shown, room = [], MOST_ROWS
    for section in sections:
        shown.append(replace(section, rows=section.rows[:room]))
        room -= len(shown[-1].rows)
    more = sum(len(section.rows) for section in sections) - (MOST_ROWS - room)
    return [section for section in shown if section.rows], more
