"""The command lines of the dispatcher, by version; an unknown flag is an error, as upstream."""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

PROGRAM = "kata-deploy-job-dispatcher"
_PARALLELISM = 100
_PAGE = 500
_WORKS_ON_NODES = (4, 1)
"""The first version in which the dispatcher labels and checks nodes."""


@dataclass(frozen=True, kw_only=True)
class Arguments:
    """The flags of a dispatcher, under their own names; those with a default here are of 4.1.0.

    `nodes` win over the selectors; without either, every node is selected.
    """

    job_template: Path
    name_prefix: str
    namespace: str | None
    parallelism: int
    node_selector: tuple[str, ...]
    node_field_selector: str | None
    nodes: tuple[str, ...]
    owner_job_name: str | None
    poll_interval_secs: float
    node_page_size: int
    works_on_nodes: bool = False
    """No flag: whether the version labels and checks nodes."""
    cleanup_job_template: Path | None = None
    wait_for_nodes_secs: int = 0
    node_settle_secs: int = 0
    multi_install_suffix: str = ""
    node_label: str | None = None
    claim_node_pending: bool = False
    wait_node_ready_secs: int = 0
    require_node_handlers: tuple[str, ...] = ()
    remove_node_taints: tuple[str, ...] = ()
    kubelet_timeout_warn_secs: int = 0
    remove_node_label: bool = False
    ignore_node_taints: bool = False


class _Once(argparse.Action):
    """Refuses a flag that is given twice, as the program does."""

    def __call__(
        self, parser: argparse.ArgumentParser, namespace: argparse.Namespace, *rest: object
    ) -> None:
        value, flag = rest
        if getattr(namespace, self.dest) is not self.default:
            parser.error(f"the argument {flag} cannot be used multiple times")
        setattr(namespace, self.dest, True if self.nargs == 0 else value)


def works_on_nodes(version: str) -> bool:
    """Return whether the dispatcher of that version, an image tag, does more than create Jobs."""
    numbers = [int(part) for part in version.split(".")[:2] if part.isdigit()]
    return tuple(numbers) >= _WORKS_ON_NODES


def parse(words: Sequence[str], version: str, poll_seconds: float = 1.0) -> Arguments:
    """Return the arguments; exit with code 2 for a command line that the program would refuse."""
    parser = argparse.ArgumentParser(prog=PROGRAM, allow_abbrev=False)
    more = works_on_nodes(version)
    flags: dict[str, dict[str, Any]] = {
        "job-template": {"type": Path, "required": True},
        "name-prefix": {"required": True},
        "namespace": {},
        "parallelism": {"type": int, "default": _PARALLELISM},
        "node-selector": {"action": "append" if more else _Once, "default": []},
        "node-field-selector": {},
        "nodes": {"type": _names, "default": ()},
        "owner-job-name": {},
        "poll-interval-secs": {"type": float, "default": poll_seconds},
        "node-page-size": {"type": int, "default": _PAGE},
        **(_OF_NODE_WORK if more else {}),
    }
    for name, settings in flags.items():
        parser.add_argument(f"--{name}", **{"action": _Once, **settings})
    values = vars(parser.parse_args(words))
    if values.get("remove_node_taints") and not values["node_label"]:
        parser.error("--remove-node-taints requires --node-label")
    selectors = values["node_selector"]
    values["node_selector"] = (selectors,) if isinstance(selectors, str) else tuple(selectors)
    return Arguments(**values, works_on_nodes=more)


def _names(text: str) -> tuple[str, ...]:
    return tuple(sorted({name.strip() for name in text.split(",") if name.strip()}))


_SECONDS: Final = {"type": int, "default": 0}
_SWITCH: Final = {"nargs": 0, "default": False}
_LIST: Final = {"type": _names, "default": ()}
_OF_NODE_WORK: Final[dict[str, dict[str, Any]]] = {
    "cleanup-job-template": {"type": Path},
    "wait-for-nodes-secs": _SECONDS,
    "node-settle-secs": _SECONDS,
    "multi-install-suffix": {"default": ""},
    "node-label": {},
    "claim-node-pending": _SWITCH,
    "wait-node-ready-secs": _SECONDS,
    "require-node-handlers": _LIST,
    "remove-node-taints": _LIST,
    "kubelet-timeout-warn-secs": _SECONDS,
    "remove-node-label": _SWITCH,
    "ignore-node-taints": _SWITCH,
}
